import { err, ok, type Result } from "../result.ts";
import { base64ToBytes } from "../snapshot/bytes.ts";
import { parseCertificate } from "./certificate.ts";
import { hasDuplicateNames } from "./json-names.ts";

/** What counts of another trust domain's SPIFFE bundle. */
export interface ForeignBundle {
  /** Certificates of its authorities for X.509-SVIDs, base64 DER. */
  readonly authorities: readonly string[];
  /** Null: its publisher does not number it. */
  readonly sequence: number | null;
  /** Seconds until the next look, as its publisher would have it. */
  readonly refreshHint: number;
}

const MAX_KEYS = 100;
/** What SPIFFE Federation §4.1 recommends where nothing is said. */
const DEFAULT_HINT_S = 300;

/**
 * Reads a bundle (SPIFFE Trust Domain and Bundle §4, X509-SVID §6). Keys of other uses are left out, as it wants; a document in
 * which a key for X.509-SVIDs is none is no bundle, and nor is one without any: both would take the place of a good one.
 *
 * @param text untrusted
 * @returns why it is none, otherwise
 */
export function readSpiffeBundle(text: string): Result<ForeignBundle, string> {
  const value = parsed(text);
  const { keys, spiffe_sequence: sequence = null, spiffe_refresh_hint: hint = DEFAULT_HINT_S } = value ?? {};
  if (!Array.isArray(keys)) return err("it is no JSON Web Key Set");
  if (keys.length > MAX_KEYS) return err(`it has more than ${MAX_KEYS} keys`);
  if (sequence !== null && !isCount(sequence)) return err("its `spiffe_sequence` is no number");
  if (!isCount(hint)) return err("its `spiffe_refresh_hint` is no number of seconds");
  const authorities: string[] = [];
  for (const [index, key] of (keys as unknown[]).entries()) {
    const { use, x5c } = (key ?? {}) as { readonly use?: unknown; readonly x5c?: unknown };
    if (use !== "x509-svid") continue;
    const certificate: unknown = Array.isArray(x5c) && x5c.length === 1 ? x5c[0] : null;
    const der = typeof certificate === "string" ? base64ToBytes(certificate) : null;
    const read = der === null ? null : parseCertificate(der);
    if (typeof certificate !== "string" || read?.ok !== true || !read.value.isCa)
      return err(`its key ${index} has no certificate of an authority in \`x5c\``);
    authorities.push(certificate);
  }
  if (authorities.length === 0) return err("it has no key for X.509-SVIDs (`use: x509-svid`)");
  return ok({ authorities, sequence, refreshHint: hint });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && !hasDuplicateNames(text) ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
