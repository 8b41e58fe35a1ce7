import { err, ok, type Result } from "../result.ts";

/** A workload's name, in parts. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** Begins with a slash. */
  readonly path: string;
}

export interface SpiffeIdError {
  readonly code: "spiffe_id_invalid";
  /** The rule that was broken. */
  readonly rule: string;
}

const SCHEME = "spiffe://";
const MAX_LENGTH = 2_048;
const MAX_TRUST_DOMAIN = 255;

/**
 * Reads the identity in a certificate's URI SAN or a binding's props. Not `new URL`, which would mend what must be refused.
 *
 * @param input as received; untrusted
 * @see SPIFFE-ID §2 https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/
 */
export function parseSpiffeId(input: string): Result<SpiffeId, SpiffeIdError> {
  const reject = (rule: string) => err({ code: "spiffe_id_invalid" as const, rule });
  if (input.length > MAX_LENGTH) return reject(`at most ${MAX_LENGTH} characters`);
  if (!input.startsWith(SCHEME)) return reject("begins with `spiffe://`");
  const slash = input.indexOf("/", SCHEME.length);
  const trustDomain = input.slice(SCHEME.length, slash < 0 ? undefined : slash);
  const path = slash < 0 ? "" : input.slice(slash);
  if (!/^[a-z0-9._-]+$/.test(trustDomain) || trustDomain.length > MAX_TRUST_DOMAIN)
    return reject("a trust domain of lower-case letters, digits, `.`, `-` and `_`");
  if (path === "") return reject("a path: a workload has a name");
  for (const segment of path.slice(1).split("/")) {
    if (!/^[A-Za-z0-9._-]+$/.test(segment)) return reject("segments of letters, digits, `.`, `-` and `_`");
    // Without this, `/ns/shop/../admin` would pass a prefix rule for `/ns/shop`.
    if (segment === "." || segment === "..") return reject("no dot segments");
  }
  return ok({ trustDomain, path });
}

/** The Kubernetes workload of an id as Istio writes it, `/ns/NAMESPACE/sa/ACCOUNT`; null for another form. */
export function workloadOf({ path }: SpiffeId): { readonly namespace: string; readonly serviceAccount: string } | null {
  const [, ns, namespace, sa, serviceAccount, ...more] = path.split("/");
  if (ns !== "ns" || sa !== "sa" || namespace === undefined || serviceAccount === undefined) return null;
  return more.length === 0 ? { namespace, serviceAccount } : null;
}

export function formatSpiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `${SCHEME}${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
