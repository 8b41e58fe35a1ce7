import { type KeyObject, sign } from "node:crypto";

/** A PKCS#10 certificate request for an EC P-256 key: empty subject, no attributes, PEM (RFC 2986). */
export function certificateRequest(privateKey: KeyObject, publicKey: KeyObject): string {
  const version = Buffer.from([0x02, 0x01, 0x00]);
  const subject = der(0x30, Buffer.alloc(0));
  const key = publicKey.export({ format: "der", type: "spki" });
  const attributes = der(0xa0, Buffer.alloc(0));
  const info = der(0x30, Buffer.concat([version, subject, key, attributes]));
  // ecdsa-with-SHA256, 1.2.840.10045.4.3.2
  const algorithm = der(0x30, Buffer.from("06082a8648ce3d040302", "hex"));
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", info, privateKey)]));
  const body = der(0x30, Buffer.concat([info, algorithm, signature])).toString("base64");
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE REQUEST-----\n`;
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
