import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

/** An issuer for tests with one key of each kind that is accepted. */
export class TestIssuer {
  readonly #keys: ReadonlyMap<string, CryptoKey>;
  readonly jwks: { readonly keys: readonly JWK[] };

  private constructor(keys: ReadonlyMap<string, CryptoKey>, jwks: readonly JWK[]) {
    this.#keys = keys;
    this.jwks = { keys: jwks };
  }

  static async create(algorithms: readonly string[] = ["ES256", "RS256", "EdDSA"]): Promise<TestIssuer> {
    const keys = new Map<string, CryptoKey>();
    const jwks: JWK[] = [];
    for (const alg of algorithms) {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      keys.set(alg, privateKey);
      jwks.push({ ...(await exportJWK(publicKey)), kid: alg.toLowerCase(), alg });
    }
    return new TestIssuer(keys, jwks);
  }

  async sign(claims: JWTPayload, header: Record<string, unknown> = {}, alg = "ES256"): Promise<string> {
    const key = this.#keys.get(alg);
    if (!key) throw new Error(`no key for ${alg}`);
    return new SignJWT(claims).setProtectedHeader({ alg, kid: alg.toLowerCase(), ...header }).sign(key);
  }
}

/** A token from raw header and payload texts, with any signature. */
export function rawToken(header: string, payload: string, signature = "AAAA"): string {
  const encode = (text: string) => Buffer.from(text).toString("base64url");
  return `${encode(header)}.${encode(payload)}.${signature}`;
}
