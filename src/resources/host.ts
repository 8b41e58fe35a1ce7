import { z } from "zod";
import { later, never, REASON } from "./fields.ts";
import { isHostName } from "./names.ts";

/** A host name, `*`, or `*.` and a host name. */
export function isHostPattern(host: string): boolean {
  return host === "*" || isHostName(host.startsWith("*.") ? host.slice(2) : host);
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
  const [a, b] = [first.toLowerCase(), second.toLowerCase()];
  if (a === b || a === "*" || b === "*") return true;
  const inside = (name: string, pattern: string) => pattern.startsWith("*") && name.endsWith(pattern.slice(1));
  return inside(a, b) || inside(b, a);
}
