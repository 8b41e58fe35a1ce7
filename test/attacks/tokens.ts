import { constants, createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { TokenSpec } from "./corpus.ts";
import { NotCovered } from "./outcome.ts";

interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const rsa = (modulusLength = 2_048): Keys => generateKeyPairSync("rsa", { modulusLength });

/** What of the issuer's keys stands in its document, good and bad ones, beside the key itself. */
const PUBLISHED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "rsa-1": { alg: "RS256" },
  "rsa-2": { alg: "RS256" },
  "rsa-noalg": {},
  "ec-1": { alg: "ES256" },
  "ed-1": { alg: "EdDSA" },
  "rsa-512": { alg: "RS256" },
  "rsa-e1": { alg: "RS256", e: "AQ" },
  "rsa-enc": { alg: "RS256", use: "enc" },
};

/** The issuer of the cases, with those of its keys that they name. */
export class AttackIssuer {
  readonly #keys = new Map<string, Keys>([
    ["ec-1", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["ed-1", generateKeyPairSync("ed25519")],
    ["rsa-512", rsa(512)],
  ]);
  readonly #secret = randomBytes(32);
  readonly #now: () => number;

  /** @param now epoch ms: the clock that the tokens' times are relative to */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    // Made now: an issuer that has to make them first answers too late.
    for (const kid of [...Object.keys(PUBLISHED), "issuer-b-rsa", "attacker-rsa"]) this.#key(kid);
  }

  /** @param kids those that stand in the document */
  jwks(kids: readonly string[] = [...Object.keys(PUBLISHED), "oct-1"]): { readonly keys: readonly object[] } {
    return {
      keys: kids.map((kid) =>
        kid === "oct-1"
          ? { kty: "oct", k: this.#secret.toString("base64url"), kid, alg: "HS256" }
          : { ...this.#key(kid).publicKey.export({ format: "jwk" }), ...PUBLISHED[kid], kid },
      ),
    };
  }

  /** Of another issuer, who calls one of its keys as this one does. */
  get secondJwks(): unknown {
    const key = this.#key("issuer-b-rsa").publicKey.export({ format: "jwk" });
    return { keys: ["b-1", "rsa-1"].map((kid) => ({ ...key, kid, alg: "RS256" })) };
  }

  /** @throws if the case asks for something that can't be made here */
  token(spec: TokenSpec, mutate?: string): string {
    const { header, claims, sign: by = "rsa-1", payload, header_raw, serialization, mutate: how, ...single } = spec;
    const now = Math.floor(this.#now() / 1_000);
    const good = { iss: "https://issuer.test", sub: "alice", aud: "api", iat: now - 10, exp: now + 300, ...single };
    const headText = header_raw ?? textOf(header ?? { alg: "RS256", kid: "rsa-1", typ: "JWT" }, {}, now);
    const head = encode(headText);
    const body =
      payload === "unencoded"
        ? payload
        : encode(payload === undefined ? textOf(claims ?? good, good, now) : raw(payload, good, now));
    const signature = this.#signature(by, `${head}.${body}`, algorithmOf(headText));
    if (serialization === "json") return JSON.stringify({ protected: head, payload: body, signature });
    if (serialization === "json-general")
      return JSON.stringify({ payload: body, signatures: [{ protected: head, signature }] });
    if (serialization !== undefined && serialization !== "compact")
      throw new NotCovered(`no serialization \`${serialization}\``);
    return mutated({ head, body, signature }, mutate ?? how);
  }

  #signature(by: string, input: string, algorithm: string): string {
    const [name = "", ...rest] = by.split(":");
    const how = rest.join(":");
    if (by === "empty") return "";
    if (name === "zeros") return Buffer.alloc(Number(how)).toString("base64url");
    if (name === "hmac") return hmac(this.#hmacKey(how), input, algorithm);
    if (name === "oct-1") return hmac(this.#secret, input, algorithm);
    if (name === "rsa-e1") return padded(input).toString("base64url");
    const signature = signed(this.#key(name).privateKey, input, algorithm, how === "der");
    if (how === "" || how === "der") return signature.toString("base64url");
    if (how === "truncate") return signature.subarray(0, -1).toString("base64url");
    if (how === "extend") return Buffer.concat([signature, Buffer.from([0])]).toString("base64url");
    throw new NotCovered(`no signature \`${by}\``);
  }

  /** The text of a published key, as a confused verifier would take it, or a secret that anybody could guess. */
  #hmacKey(text: string): string | Buffer {
    const [kid = "", form = "", encoding = ""] = text.split(".");
    if (!(kid in PUBLISHED)) return text;
    const { publicKey } = this.#key(kid);
    if (form === "jwk") return JSON.stringify(publicKey.export({ format: "jwk" }));
    if (form === "n") return Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url");
    if (encoding === "der") return publicKey.export({ format: "der", type: "spki" });
    return publicKey.export({ format: "pem", type: form === "pkcs1" ? "pkcs1" : "spki" });
  }

  /** A key by its name: those that nobody publishes are made when they are asked for. */
  #key(name: string): Keys {
    let key = this.#keys.get(name);
    if (key === undefined) {
      if (!/^[a-z0-9-]+$/.test(name)) throw new NotCovered(`no key \`${name}\``);
      const curve = /^(?:attacker-)?ec-?(256|384|521)/.exec(name)?.[1];
      key = curve !== undefined ? generateKeyPairSync("ec", { namedCurve: `P-${curve}` }) : curveOf(name);
      this.#keys.set(name, key);
    }
    return key;
  }
}

function curveOf(name: string): Keys {
  if (/\bec\b/.test(name)) return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (/\bed\b/.test(name)) return generateKeyPairSync("ed25519");
  return rsa();
}

const encode = (text: string): string => Buffer.from(text).toString("base64url");

function algorithmOf(header: string): string {
  try {
    const { alg } = JSON.parse(header) as { readonly alg?: unknown };
    return typeof alg === "string" ? alg : "";
  } catch {
    return "";
  }
}

function hmac(key: string | Buffer, input: string, algorithm: string): string {
  return createHmac(hashOf(algorithm), key).update(input).digest("base64url");
}

const hashOf = (algorithm: string): string => `sha${/(256|384|512)$/.exec(algorithm)?.[1] ?? "256"}`;

/** As the token says that it is signed where this key can sign so, else as the key's own algorithm signs. */
function signed(key: KeyObject, input: string, algorithm: string, der: boolean): Buffer {
  const bytes = Buffer.from(input);
  if (key.asymmetricKeyType === "ed25519") return sign(null, bytes, key);
  const pss = algorithm.startsWith("PS") && key.asymmetricKeyType === "rsa";
  return sign(hashOf(algorithm), bytes, {
    key,
    dsaEncoding: der ? "der" : "ieee-p1363",
    ...(pss && { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
  });
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
const MUTATIONS: Readonly<Record<string, (parts: Parts, token: string) => string>> = {
  "pad=": (_, token) => `${token}=`,
  "insert-space": ({ head, body, signature }) => `${head}.${body}.${signature.slice(0, 9)} ${signature.slice(9)}`,
  "insert-tab": ({ head, body, signature }) => `${head}.${body}.${signature.slice(0, 9)}\t${signature.slice(9)}`,
  "std-alphabet": ({ head, body, signature }) =>
    `${head}.${body}.${signature.replaceAll("-", "+").replaceAll("_", "/")}`,
  "nonzero-trailing-bits": ({ head, body, signature }) =>
    `${head}.${body}.${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`,
  "trailing-dot": (_, token) => `${token}.`,
  "extra-part": (_, token) => `${token}.AA`,
  "leading-dot": (_, token) => `.${token}`,
  "drop-signature": ({ head, body }) => `${head}.${body}`,
  "empty-signature": ({ head, body }) => `${head}.${body}.`,
  truncate: (_, token) => token.slice(0, -1),
  lowercase: (_, token) => token.toLowerCase(),
  "flip-payload": ({ head, body, signature }) => `${head}.${flipped(body)}.${signature}`,
  "flip-signature": ({ head, body, signature }) => `${head}.${body}.${flipped(signature)}`,
};

function flipped(text: string): string {
  const at = Math.floor(text.length / 2);
  return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
}

function mutated(parts: Parts, mutate: string | undefined): string {
  const token = `${parts.head}.${parts.body}.${parts.signature}`;
  if (mutate === undefined) return token;
  const mutation = MUTATIONS[mutate];
  if (mutation === undefined) throw new NotCovered(`no mutation \`${mutate}\``);
  return mutation(parts, token);
}

type Claims = Readonly<Record<string, unknown>>;

/** JSON of a header or of claims; where they are generated whole, beside `good` ones. */
function textOf(value: Claims | string, good: Claims, now: number): string {
  if (typeof value === "string") return raw(value, good, now);
  const generated = new Map<string, string>();
  const text = JSON.stringify(value, (_, one: unknown) => {
    if (typeof one !== "string") return one;
    const by = /^now([+-]\d+)?$/.exec(one);
    if (by !== null) return now + Number(by[1] ?? 0);
    const contents = generatedOf(one);
    if (contents === null) return one;
    const mark = `@generated-${generated.size}@`;
    generated.set(`"${mark}"`, contents);
    return mark;
  });
  return [...generated].reduce((whole, [mark, contents]) => whole.replace(mark, () => contents), text);
}

/** A text that stands for the whole, with what of it is generated. */
function raw(text: string, good: Claims, now: number): string {
  const contents = generatedOf(text);
  if (contents === null) return text;
  const rest = textOf(good, good, now).slice(1, -1);
  return `{${rest}${rest === "" ? "" : ","}"generated":${contents}}`;
}

/** `nest:N`, `list:N`, `keys:N` and `A*N` as JSON: too deep for what writes JSON by itself. */
function generatedOf(text: string): string | null {
  const [, kind = "", digits] = /^(nest|list|keys):(\d+)$/.exec(text) ?? [];
  const [, letter, times] = /^(\w)\*(\d+)$/.exec(text) ?? [];
  if (letter !== undefined) return `"${letter.repeat(Number(times))}"`;
  const count = Number(digits);
  if (kind === "nest") return `${'{"a":'.repeat(count)}1${"}".repeat(count)}`;
  if (kind === "list") return JSON.stringify(Array.from({ length: count }, (_, at) => `v${at}`));
  if (kind === "keys")
    return JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at])));
  return null;
}
