import { z } from "zod";
import { never, REASON } from "./fields.ts";
import { isHostName } from "./names.ts";

/**
 * A host name, `*`, or `*` and the end of host names: `*.example.com`, `*-eu.example.com`, `*example.com`. A dot at its end says
 * that nothing follows, as in DNS.
 */
export function isHostPattern(host: string): boolean {
  return host === "*" || isHostName(withoutDot(host).replace(/^\*[-.]?/, ""));
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

/** Whether the `*` of a pattern stands for a part of a label: `*-eu.example.com`. */
export function isPartial(host: string): boolean {
  return /^\*[^.]/.test(host);
}

/** What Istio takes in a list of hosts and we refuse. */
function refusedPattern(host: string): string | null {
  return host.startsWith("outbound_.") ? never(`it is what a sidecar's TLS asks for; ${REASON.framing}`) : null;
}

export const hostPattern = z.string().superRefine((host, ctx) => {
  if (isHostPattern(host)) return;
  const message = refusedPattern(host) ?? "must be a host name, `*`, or `*` and the end of host names; without port";
  ctx.addIssue({ code: "custom", message });
});

/** Whether some host fits both patterns (they are compared without case). */
export function overlap(first: string, second: string): boolean {
  const [a, b] = [canonicalHost(first), canonicalHost(second)];
  if (a === b || a === "*" || b === "*") return true;
  const inside = (name: string, pattern: string) => pattern.startsWith("*") && name.endsWith(pattern.slice(1));
  return inside(a, b) || inside(b, a);
}
