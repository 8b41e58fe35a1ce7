import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { replaceFile, type Svid } from "../net/svid.ts";

/**
 * Writes an SVID for programs that do TLS themselves, under the names of SPIFFE's own helper. Whoever reads meanwhile finds whole
 * files; the certificate comes last, so that its key is there before it.
 */
export function writeFiles(folder: string, { key, certificate, bundle }: Svid): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  replaceFile(join(folder, "svid_bundle.pem"), bundle, 0o644);
  replaceFile(join(folder, "svid_key.pem"), key, 0o600);
  replaceFile(join(folder, "svid.pem"), certificate, 0o644);
}
