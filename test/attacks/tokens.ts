import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { TokenSpec } from "./corpus.ts";

interface Keys {
  readonly private: KeyObject;
  readonly public: KeyObject;
}

function pair(type: "rsa" | "ec"): Keys {
  const { privateKey, publicKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2_048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { private: privateKey, public: publicKey };
}

/** The issuer of the corpus's base fixture, with those of its keys that a test can make. */
export class AttackIssuer {
  readonly #keys: ReadonlyMap<string, Keys> = new Map([
    ["rsa-1", pair("rsa")],
    ["rsa-2", pair("rsa")],
    ["rsa-noalg", pair("rsa")],
    ["ec-1", pair("ec")],
    ["attacker-rsa", pair("rsa")],
    ["known-sample-key", pair("rsa")],
    ["rsa-512", { private: generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey, public: pair("rsa").public }],
  ]);

  get jwks(): unknown {
    const algorithms: Readonly<Record<string, string | undefined>> = {
      "rsa-1": "RS256",
      "rsa-2": "RS256",
      "ec-1": "ES256",
    };
    return {
      keys: ["rsa-1", "rsa-2", "rsa-noalg", "ec-1"].map((kid) => ({
        ...this.#keys.get(kid)?.public.export({ format: "jwk" }),
        kid,
        ...(algorithms[kid] !== undefined && { alg: algorithms[kid] }),
      })),
    };
  }

  /** @returns null where the case asks for something that cannot be made here */
  token({ header, claims, sign: by = "rsa-1", payload, serialization }: TokenSpec, mutate?: string): string | null {
    const now = Math.floor(Date.now() / 1_000);
    const good = { iss: "https://issuer.test", sub: "alice", aud: "api", iat: now - 10, exp: now + 300 };
    const encode = (text: string) => Buffer.from(text).toString("base64url");
    const head = encode(JSON.stringify(header ?? { alg: "RS256", kid: "rsa-1", typ: "JWT" }));
    const body = payload === "unencoded" ? "unencoded" : encode(payload ?? JSON.stringify(timed(claims ?? good, now)));
    const input = `${head}.${body}`;
    const signature = this.#signature(by, input);
    if (signature === null) return null;
    if (serialization === "json") return JSON.stringify({ protected: head, payload: body, signature });
    const token = `${input}.${signature}`;
    if (mutate === undefined) return token;
    return mutate === "pad=" ? `${token}=` : null;
  }

  #signature(by: string, input: string): string | null {
    const [name = "", how] = by.split(":");
    if (by === "empty") return "";
    if (name === "zeros") return Buffer.alloc(Number(how)).toString("base64url");
    if (name === "hmac") {
      const key = this.#keys.get((how ?? "").split(".")[0] ?? "")?.public.export({ format: "pem", type: "spki" });
      return key === undefined ? null : createHmac("sha256", key).update(input).digest("base64url");
    }
    const key = this.#keys.get(name);
    if (!key) return null;
    const signature = sign("sha256", Buffer.from(input), { key: key.private, dsaEncoding: "ieee-p1363" });
    if (how === undefined) return signature.toString("base64url");
    return how === "truncate" ? signature.subarray(0, -1).toString("base64url") : null;
  }
}

/** `now+300` in claims, and `A*100000`. */
function timed(claims: Readonly<Record<string, unknown>>, now: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => {
      if (typeof value !== "string") return [name, value];
      const [, by] = /^now([+-]\d+)$/.exec(value) ?? [];
      const [, letter, count] = /^(\w)\*(\d+)$/.exec(value) ?? [];
      if (by !== undefined) return [name, now + Number(by)];
      return [name, letter === undefined ? value : letter.repeat(Number(count))];
    }),
  );
}
