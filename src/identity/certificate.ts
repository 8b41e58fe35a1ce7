import { err, ok, type Result } from "../result.ts";
import { bytesToHex } from "../snapshot/bytes.ts";
import { contentOf, type Element, readChildren, readElement, wholeOf } from "./der.ts";

/** What is looked at of an X.509 certificate (RFC 5280). */
export interface Certificate {
  /** What is signed, and the signature as the certificate carries it. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** Its number as its issuer gave it: lower-case hex without leading zeros. */
  readonly serial: string;
  /** Names of issuer and subject, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** Object identifier of the signature's algorithm, DER content in hex. */
  readonly algorithm: string;
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isCa: boolean;
  /** Bits of the key usage, digitalSignature first; null where the extension is missing. */
  readonly keyUsage: readonly boolean[] | null;
  readonly uris: readonly string[];
  /** Its URIs, DNS names and mail addresses, as they stand there. */
  readonly names: readonly string[];
}

/** A `code` is public: it stands in the access log. */
export type CertificateError = {
  readonly code: "certificate_malformed" | "certificate_extension_unknown" | "certificate_too_large";
};

/** The platform hands over headers of at most this; an SVID is below 1 KiB. */
const MAX_BYTES = 16_384;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const BOOLEAN = 0x01;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const URI = 0x86;
const DNS_NAME = 0x82;
const MAIL = 0x81;

const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
/** Critical ones that change nothing of what is judged here. */
const HARMLESS = new Set(["551d25", "551d23", "551d0e"]);

/** @param der untrusted; never throws */
export function parseCertificate(der: Uint8Array): Result<Certificate, CertificateError> {
  if (der.length > MAX_BYTES) return err({ code: "certificate_too_large" });
  const outer = readElement(der, 0, der.length);
  const parts = outer?.tag === SEQUENCE && outer.end === der.length ? readChildren(der, outer) : null;
  const [body, algorithm, signature, ...more] = parts ?? [];
  if (body?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== BIT_STRING || more.length > 0)
    return malformed();
  const fields = readBody(der, body);
  const identifier = readChildren(der, algorithm)?.[0];
  // Unused bits at the end of a signature would be a second spelling of it.
  if (fields === null || identifier?.tag !== OBJECT_IDENTIFIER || der[signature.start] !== 0) return malformed();
  const extensions = readExtensions(der, fields.extensions);
  if (!extensions.ok) return extensions;
  return ok({
    signed: wholeOf(der, body),
    signature: der.subarray(signature.start + 1, signature.end),
    algorithm: bytesToHex(contentOf(der, identifier)),
    serial: bytesToHex(contentOf(der, fields.serial)).replace(/^0+(?=.)/, ""),
    issuer: wholeOf(der, fields.issuer),
    subject: wholeOf(der, fields.subject),
    publicKey: wholeOf(der, fields.publicKey),
    notBefore: fields.notBefore,
    notAfter: fields.notAfter,
    ...extensions.value,
  });
}

function malformed(): Result<never, CertificateError> {
  return err({ code: "certificate_malformed" });
}

interface Body {
  readonly serial: Element;
  readonly issuer: Element;
  readonly subject: Element;
  readonly publicKey: Element;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Element[];
}

function readBody(der: Uint8Array, element: Element): Body | null {
  const [version, serial, , issuer, validity, subject, publicKey, ...rest] = readChildren(der, element) ?? [];
  if (version?.tag !== VERSION || serial?.tag !== INTEGER) return null;
  if (issuer?.tag !== SEQUENCE || subject?.tag !== SEQUENCE || publicKey?.tag !== SEQUENCE) return null;
  if (validity?.tag !== SEQUENCE) return null;
  const [from, to] = readChildren(der, validity) ?? [];
  const notBefore = from ? readTime(der, from) : null;
  const notAfter = to ? readTime(der, to) : null;
  if (notBefore === null || notAfter === null) return null;
  const wrapper = rest.find(({ tag }) => tag === EXTENSIONS);
  const list = wrapper ? readChildren(der, wrapper)?.[0] : undefined;
  const extensions = list?.tag === SEQUENCE ? readChildren(der, list) : null;
  return extensions === null ? null : { serial, issuer, subject, publicKey, notBefore, notAfter, extensions };
}

/** RFC 5280 §4.1.2.5: seconds, in Z; years of two digits are 1950 to 2049. */
function readTime(der: Uint8Array, element: Element): number | null {
  const text = String.fromCharCode(...contentOf(der, element).subarray(0, 16));
  const short = element.tag === UTC_TIME;
  if (!short && element.tag !== GENERALIZED_TIME) return null;
  const [, y, month, day, hour, minute, second] =
    (short ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(text) ?? [];
  if (y === undefined) return null;
  const year = short ? `${Number(y) < 50 ? "20" : "19"}${y}` : y;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? null : time;
}

interface Extensions {
  isCa: boolean;
  keyUsage: readonly boolean[] | null;
  uris: readonly string[];
  names: readonly string[];
}

function readExtensions(der: Uint8Array, list: readonly Element[]): Result<Extensions, CertificateError> {
  const seen = new Set<string>();
  const found: Extensions = { isCa: false, keyUsage: null, uris: [], names: [] };
  for (const element of list) {
    const parts = element.tag === SEQUENCE ? readChildren(der, element) : null;
    const [identifier, second, third, ...more] = parts ?? [];
    const flag = third === undefined ? undefined : second;
    const value = third ?? second;
    if (identifier?.tag !== OBJECT_IDENTIFIER || value?.tag !== OCTET_STRING || more.length > 0) return malformed();
    const critical = flag === undefined ? false : readBoolean(der, flag);
    if (critical === null) return malformed();
    const name = bytesToHex(contentOf(der, identifier));
    // One that is there twice is read by some as the first and by others as the last.
    if (seen.has(name)) return malformed();
    seen.add(name);
    const inner = readElement(der, value.start, value.end);
    if (inner === null || inner.end !== value.end) return malformed();
    if (!take(der, name, inner, found)) return malformed();
    const known = name === SUBJECT_ALT_NAME || name === BASIC_CONSTRAINTS || name === KEY_USAGE || HARMLESS.has(name);
    if (critical && !known) return err({ code: "certificate_extension_unknown" });
  }
  return ok(found);
}

/** @returns null for what is no boolean of DER: BER takes any byte but zero for true, and others may read it so (X.690 §11.1) */
function readBoolean(der: Uint8Array, { tag, start, end }: Element): boolean | null {
  if (tag !== BOOLEAN || end - start !== 1) return null;
  return der[start] === 0xff ? true : der[start] === 0 ? false : null;
}

/** @returns false where the extension is not what its name says */
function take(der: Uint8Array, name: string, inner: Element, found: Extensions): boolean {
  if (name === SUBJECT_ALT_NAME) {
    const names = inner.tag === SEQUENCE ? readChildren(der, inner) : null;
    if (names === null) return false;
    const textOf = (name: Element): string =>
      Array.from(contentOf(der, name), (byte) => String.fromCharCode(byte)).join("");
    found.uris = names.filter(({ tag }) => tag === URI).map(textOf);
    found.names = names.filter(({ tag }) => tag === URI || tag === DNS_NAME || tag === MAIL).map(textOf);
  }
  if (name === BASIC_CONSTRAINTS) {
    const parts = inner.tag === SEQUENCE ? readChildren(der, inner) : null;
    if (parts === null) return false;
    const [first] = parts;
    const isCa = first?.tag === BOOLEAN ? readBoolean(der, first) : false;
    if (isCa === null) return false;
    found.isCa = isCa;
  }
  if (name === KEY_USAGE) {
    if (inner.tag !== BIT_STRING || inner.end - inner.start < 2) return false;
    const [, ...bytes] = contentOf(der, inner);
    found.keyUsage = bytes.flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => ((byte >> bit) & 1) === 1));
  }
  return true;
}

/** Signatures that are known, by the object identifier of their algorithm: those of the mesh, and of SPIRE for its neighbours. */
const SIGNATURES: ReadonlyMap<string, { readonly name: "ECDSA" | "RSASSA-PKCS1-v1_5"; readonly hash: string }> =
  new Map([
    ["2a8648ce3d040302", { name: "ECDSA", hash: "SHA-256" }],
    ["2a8648ce3d040303", { name: "ECDSA", hash: "SHA-384" }],
    ["2a864886f70d01010b", { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }],
  ]);
/** Curves by their object identifier in a SubjectPublicKeyInfo, with the length of a coordinate in bytes. */
const CURVES = [
  { oid: "06082a8648ce3d030107", namedCurve: "P-256", bytes: 32 },
  { oid: "06052b81040022", namedCurve: "P-384", bytes: 48 },
] as const;

/** Whether one certificate was signed by the key of another: ECDSA on P-256 or P-384, or RSA. */
export async function isSignedBy(leaf: Certificate, authority: Certificate): Promise<boolean> {
  const known = SIGNATURES.get(leaf.algorithm);
  if (known === undefined || !equal(leaf.issuer, authority.subject)) return false;
  const curve = known.name === "ECDSA" ? curveOf(authority.publicKey) : null;
  const signature = curve === null ? leaf.signature : rawSignature(leaf.signature, curve.bytes);
  if (signature === null || (known.name === "ECDSA" && curve === null)) return false;
  const algorithm = curve === null ? known : { ...known, namedCurve: curve.namedCurve };
  try {
    const key = await crypto.subtle.importKey("spki", copy(authority.publicKey), algorithm, false, ["verify"]);
    return await crypto.subtle.verify(known, key, copy(signature), copy(leaf.signed));
  } catch {
    return false;
  }
}

function curveOf(publicKey: Uint8Array) {
  // Its algorithm stands within the first bytes, before the key itself.
  const head = bytesToHex(publicKey.subarray(0, 32));
  return CURVES.find(({ oid }) => head.includes(oid)) ?? null;
}

/** ECDSA-Sig-Value to the two numbers side by side that WebCrypto reads. */
function rawSignature(der: Uint8Array, length: number): Uint8Array | null {
  const outer = readElement(der, 0, der.length);
  const numbers = outer?.tag === SEQUENCE && outer.end === der.length ? readChildren(der, outer) : null;
  if (numbers?.length !== 2) return null;
  const raw = new Uint8Array(2 * length);
  for (const [index, number] of numbers.entries()) {
    const bytes = contentOf(der, number);
    const significant = bytes[0] === 0 ? bytes.subarray(1) : bytes;
    if (number.tag !== INTEGER || significant.length > length) return null;
    raw.set(significant, index * length + length - significant.length);
  }
  return raw;
}

function equal(first: Uint8Array, second: Uint8Array): boolean {
  return first.length === second.length && first.every((byte, index) => byte === second[index]);
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
