import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { parseCertificate } from "../src/identity/certificate.ts";
import { parseSpiffeId } from "../src/identity/spiffe-id.ts";
import { err, ok, type Result } from "../src/result.ts";

/** An X.509-SVID with its key and whom to trust, PEM, as TLS takes them. */
export interface Svid {
  readonly spiffeId: string;
  readonly key: string;
  /** The leaf, and what is between it and the authority. */
  readonly certificate: string;
  readonly bundle: string;
  /** Epoch ms. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Who is at the other end of a connection. */
export interface PeerId {
  readonly spiffeId: string;
  /** Of the certificate: lower-case hex without leading zeros. */
  readonly serial: string;
  /** Epoch ms: afterwards it is nobody. */
  readonly expiresAt: number;
}

/**
 * Reads whose certificate a TLS handshake showed. That an authority of ours signed it, and that it holds now, the handshake has
 * verified.
 *
 * @param der the leaf @returns otherwise why it is no SVID
 * @see X509-SVID §5.2 https://spiffe.io/docs/latest/spiffe-specs/x509-svid/
 */
export function readPeerId(der: Uint8Array): Result<PeerId, string> {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return err(parsed.error.code);
  const { uris, isCa, serial, notAfter } = parsed.value;
  if (isCa) return err("certificate_is_ca");
  const [uri, ...more] = uris;
  if (uri === undefined || more.length > 0) return err("certificate_uri_count");
  const id = parseSpiffeId(uri);
  return id.ok ? ok({ spiffeId: uri, serial, expiresAt: notAfter }) : err(id.error.code);
}

/** @param file as `writeSvid` left it @returns null where there is none, or none that can be read: another one is asked for */
export function readSvid(file: string): Svid | null {
  try {
    return svidOf(JSON.parse(readFileSync(file, "utf8")) as Svid);
  } catch {
    return null;
  }
}

/** For its owner alone. */
export function writeSvid(file: string, { key, certificate, bundle }: Svid): void {
  replaceFile(file, JSON.stringify({ key, certificate, bundle }), 0o600);
}

/** Whoever reads it meanwhile finds the old file or the new one, none half written. */
export function replaceFile(path: string, text: string, mode: number): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { mode, flag: "wx" });
  renameSync(fresh, path);
}

/** @throws where control's answer holds no certificate, or one for another key */
export function svidOf({ key, certificate, bundle }: Pick<Svid, "key" | "certificate" | "bundle">): Svid {
  const leaf = new X509Certificate(certificate);
  const id = readPeerId(leaf.raw);
  if (!id.ok) throw new Error(`control answered with a certificate that is no SVID: ${id.error}`);
  // It would be kept, and neither shown nor renewed.
  if (!leaf.checkPrivateKey(createPrivateKey(key)))
    throw new Error(`control answered with a certificate of ${id.value.spiffeId} that is for another key`);
  const { spiffeId, expiresAt } = id.value;
  return { spiffeId, key, certificate, bundle, issuedAt: leaf.validFromDate.getTime(), expiresAt };
}
