import { FINDINGS } from "./finding-codes.ts";
import { codesIn, ISTIO_SUPPRESS, SUPPRESS } from "./finding.ts";
import type { KindInfo } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import type { Report } from "./report.ts";

interface Annotation {
  /** Kinds that it means something on; absent: all. */
  readonly kinds?: readonly string[];
  /** Why a value cannot be meant; null: it can. Absent: the kind itself reads it. */
  readonly problem?: (value: string) => string | null;
}

/** What is read of annotations, and what the mesh writes into them. */
const KNOWN: Readonly<Record<string, Annotation>> = {
  [SUPPRESS]: { problem: (value) => unknownCode(value, (code) => Object.hasOwn(FINDINGS, code)) },
  [ISTIO_SUPPRESS]: { problem: (value) => unknownCode(value, (code) => /^IST\d{4}$/.test(code)) },
  "tulle.dev/bound-ports": { kinds: ["Gateway"] },
  "tulle.dev/idle-timeout": { kinds: ["VirtualService"] },
  "istio.io/dry-run": { kinds: ["AuthorizationPolicy", "RequestAuthentication"] },
  "istio.io/ignore-policy-attachment": {},
  "internal.istio.io/gateway-service": { kinds: ["Gateway"] },
  "istio.io/autoRegistrationGroup": { kinds: ["WorkloadEntry"] },
  "networking.istio.io/exportTo": { kinds: ["Service"] },
};

/** Ours, and Istio's own. */
const OURS = /^(tulle\.dev|([a-z0-9-]+\.)*istio\.io)\//;

/** Annotations that look as if they did something, and do not. On Kubernetes' own kinds Istio's are for its sidecars. */
export function checkAnnotations(annotations: Readonly<Record<string, string>>, info: KindInfo, report: Report): void {
  for (const [name, value] of Object.entries(annotations)) {
    const place = report.at(name);
    const known = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
    if (known === undefined) {
      if (!OURS.test(name) || (info.core && !name.startsWith("tulle.dev/"))) continue;
      const meant = nearest(name, Object.keys(KNOWN));
      place.warn(
        meant === undefined ? "no effect: nothing here reads it" : `no effect; did you mean \`${meant}\``,
        "TULLE0009",
      );
    } else if (known.kinds && !known.kinds.includes(info.kind))
      place.warn(`no effect on a ${info.kind}: it is for ${known.kinds.join(" and ")}`, "TULLE0008");
    else {
      const problem = known.problem?.(value) ?? null;
      if (problem !== null) place.warn(problem, "TULLE0010");
    }
  }
}

function unknownCode(list: string, isKnown: (code: string) => boolean): string | null {
  const unknown = codesIn(list).find((code) => code !== "*" && !isKnown(code));
  return unknown === undefined ? null : `\`${unknown.slice(0, 32)}\` is no code; write a list of codes, or \`*\``;
}
