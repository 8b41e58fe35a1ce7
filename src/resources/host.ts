import { z } from "zod";
import { later, never, REASON } from "./fields.ts";
import { isHostName } from "./names.ts";

/** A host name, `*`, or `*.` and a host name; a dot at its end says that nothing follows, as in DNS. */
export function isHostPattern(host: string): boolean {
  if (host === "*") return true;
  const name = withoutDot(host);
  return isHostName(name.startsWith("*.") ? name.slice(2) : name);
}

/** A host as it is compared: lower case, without a dot at its end. */
export function canonicalHost(host: string): string {
  return withoutDot(host).toLowerCase();
}

/** A single label with a dot is no service's: short names have none, and long ones another. */
function withoutDot(host: string): string {
  return host.endsWith(".") && host.indexOf(".") < host.length - 1 ? host.slice(0, -1) : host;
}

/** No service is named so: what is all digits behind the last dot is an address. */
export function isAddress(host: string): boolean {
  return /(^|\.)\d+$/.test(withoutDot(host));
}

/** What Istio takes in a list of hosts and we refuse. */
function refusedPattern(host: string): string | null {
  if (host.startsWith("outbound_.")) return never(`it is what a sidecar's TLS asks for; ${REASON.framing}`);
  const isPartOfLabel = /^\*[^.]/.test(host) && isHostName(host.slice(1).replace(/^-/, ""));
  return isPartOfLabel ? later("a `*` for a part of a name; write `*.` followed by a host name") : null;
}

export const hostPattern = z.string().superRefine((host, ctx) => {
  if (isHostPattern(host)) return;
  const message = refusedPattern(host) ?? "must be a host name, `*`, or `*.` followed by a host name; without port";
  ctx.addIssue({ code: "custom", message });
});

/** Whether some host fits both patterns (they are compared without case). */
export function overlap(first: string, second: string): boolean {
  const [a, b] = [canonicalHost(first), canonicalHost(second)];
  if (a === b || a === "*" || b === "*") return true;
  const inside = (name: string, pattern: string) => pattern.startsWith("*") && name.endsWith(pattern.slice(1));
  return inside(a, b) || inside(b, a);
}
