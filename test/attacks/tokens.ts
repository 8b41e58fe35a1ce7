import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { TokenSpec } from "./corpus.ts";

interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const rsa = (modulusLength = 2_048): Keys => generateKeyPairSync("rsa", { modulusLength });

/** The keys that the issuer publishes, good and bad ones, and the algorithm that it names for each. */
const ALGORITHMS: Readonly<Record<string, string | undefined>> = {
  "rsa-1": "RS256",
  "rsa-2": "RS256",
  "rsa-noalg": undefined,
  "ec-1": "ES256",
  "rsa-512": "RS256",
  "rsa-e1": "RS256",
};

/** The issuer of the cases, with those of its keys that they name. */
export class AttackIssuer {
  readonly #keys: ReadonlyMap<string, Keys> = new Map([
    ["rsa-1", rsa()],
    ["rsa-2", rsa()],
    ["rsa-noalg", rsa()],
    ["ec-1", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["rsa-512", rsa(512)],
    ["rsa-e1", rsa()],
    ["issuer-b-rsa", rsa()],
    ["attacker-rsa", rsa()],
    ["known-sample-key", rsa()],
  ]);

  get jwks(): unknown {
    return {
      keys: Object.entries(ALGORITHMS).map(([kid, alg]) => ({
        ...this.#key(kid).publicKey.export({ format: "jwk" }),
        ...(kid === "rsa-e1" && { e: "AQ" }),
        kid,
        ...(alg !== undefined && { alg }),
      })),
    };
  }

  /** Of another issuer, who calls one of its keys as this one does. */
  get secondJwks(): unknown {
    const key = this.#key("issuer-b-rsa").publicKey.export({ format: "jwk" });
    return { keys: ["b-1", "rsa-1"].map((kid) => ({ ...key, kid, alg: "RS256" })) };
  }

  /** @throws if the case asks for something that can't be made here */
  token({ header, claims, sign: by = "rsa-1", payload, serialization }: TokenSpec, mutate?: string): string {
    const now = Math.floor(Date.now() / 1_000);
    const good = { iss: "https://issuer.test", sub: "alice", aud: "api", iat: now - 10, exp: now + 300 };
    const encode = (text: string) => Buffer.from(text).toString("base64url");
    const head = encode(JSON.stringify(header ?? { alg: "RS256", kid: "rsa-1", typ: "JWT" }));
    const body = payload === "unencoded" ? "unencoded" : encode(payload ?? JSON.stringify(timed(claims ?? good, now)));
    const signature = this.#signature(by, `${head}.${body}`);
    if (serialization === "json") return JSON.stringify({ protected: head, payload: body, signature });
    if (serialization !== undefined) throw new Error(`no serialization \`${serialization}\``);
    return mutated({ head, body, signature }, mutate);
  }

  #signature(by: string, input: string): string {
    const [name = "", how] = by.split(":");
    if (by === "empty") return "";
    if (name === "zeros") return Buffer.alloc(Number(how)).toString("base64url");
    if (name === "hmac") {
      const key = this.#key((how ?? "").split(".")[0] ?? "").publicKey.export({ format: "pem", type: "spki" });
      return createHmac("sha256", key).update(input).digest("base64url");
    }
    if (name === "rsa-e1") return padded(input).toString("base64url");
    const signature = sign("sha256", Buffer.from(input), {
      key: this.#key(name).privateKey,
      dsaEncoding: how === "der" ? "der" : "ieee-p1363",
    });
    if (how === undefined || how === "der") return signature.toString("base64url");
    if (how === "truncate") return signature.subarray(0, -1).toString("base64url");
    throw new Error(`no signature \`${by}\``);
  }

  #key(name: string): Keys {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`no key \`${name}\``);
    return key;
  }
}

/** What a 2048-bit RSA key signs (RFC 8017 §9.2); with the exponent 1 it is its own signature, by anybody. */
function padded(input: string): Buffer {
  const digest = createHash("sha256").update(input).digest();
  const info = Buffer.concat([Buffer.from("3031300d060960864801650304020105000420", "hex"), digest]);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - info.length, 0xff), Buffer.from([0]), info]);
}

interface Parts {
  readonly head: string;
  readonly body: string;
  readonly signature: string;
}

/** A good token in a spelling that a strict reader refuses. */
function mutated({ head, body, signature }: Parts, mutate: string | undefined): string {
  const token = `${head}.${body}.${signature}`;
  switch (mutate) {
    case undefined:
      return token;
    case "pad=":
      return `${token}=`;
    case "insert-space":
      return `${head}.${body}.${signature.slice(0, 9)} ${signature.slice(9)}`;
    case "std-alphabet":
      return `${head}.${body}.${signature.replaceAll("-", "+").replaceAll("_", "/")}`;
    case "nonzero-trailing-bits":
      return `${head}.${body}.${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`;
    default:
      throw new Error(`no mutation \`${mutate}\``);
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
