import { type KeyObject, sign } from "node:crypto";

/** AlgorithmIdentifier of a signature with SHA-256 by a key of this type (RFC 5758, 4055, 8410), in hex. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  ec: "06082a8648ce3d040302",
  rsa: "06092a864886f70d01010b0500",
  dsa: "0609608648016503040302",
  ed25519: "06032b6570",
  ed448: "06032b6571",
};

/**
 * A PKCS#10 certificate request: empty subject, PEM (RFC 2986).
 *
 * @param publicKey or its SubjectPublicKeyInfo, as it is to stand there
 * @param uris names that it asks for, in a subjectAltName
 * @param more extensions, DER; without any and without names it has no attributes
 */
export function certificateRequest(
  privateKey: KeyObject,
  publicKey: KeyObject | Buffer,
  uris: readonly string[] = [],
  more: readonly Buffer[] = [],
): string {
  const type = privateKey.asymmetricKeyType ?? "";
  const version = Buffer.from([0x02, 0x01, 0x00]);
  const subject = der(0x30, Buffer.alloc(0));
  const key = Buffer.isBuffer(publicKey) ? publicKey : publicKey.export({ format: "der", type: "spki" });
  const extensions = [...(uris.length === 0 ? [] : [subjectAltName(uris)]), ...more];
  const attributes = der(0xa0, extensions.length === 0 ? Buffer.alloc(0) : extensionRequest(extensions));
  const info = der(0x30, Buffer.concat([version, subject, key, attributes]));
  const algorithm = der(0x30, Buffer.from(ALGORITHMS[type] ?? "", "hex"));
  const hash = type.startsWith("ed") ? null : "sha256";
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign(hash, info, privateKey)]));
  const body = der(0x30, Buffer.concat([info, algorithm, signature])).toString("base64");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE REQUEST-----\n`;
}

/** RFC 5280 §4.2.1.6. */
function subjectAltName(uris: readonly string[]): Buffer {
  const names = der(0x30, Buffer.concat(uris.map((uri) => der(0x86, Buffer.from(uri)))));
  return der(0x30, Buffer.concat([Buffer.from("0603551d11", "hex"), der(0x04, names)]));
}

/** The attribute that wishes for extensions (RFC 2985 §5.4.2). */
function extensionRequest(extensions: readonly Buffer[]): Buffer {
  const values = der(0x31, der(0x30, Buffer.concat(extensions)));
  return der(0x30, Buffer.concat([Buffer.from("06092a864886f70d01090e", "hex"), values]));
}

export function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
