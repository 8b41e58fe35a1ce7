import type { EnrolmentRuleSpec } from "../../src/resources/enrolment-rule.ts";
import type { MeshConfigSpec } from "../../src/resources/mesh-config.ts";
import type { EnrolmentSettings, NamedRule } from "./authority/issuer-tokens.ts";
import { objectStore } from "./db/store.ts";
import type { Env } from "./env.ts";

const PAGE = 500;
const SYSTEM_NAMESPACE = "istio-system";

/** What is stored now: a rule that was taken back enrols nobody from then on. */
export async function enrolmentSettings(env: Env): Promise<EnrolmentSettings> {
  const store = objectStore(env);
  const ref = { group: "tulle.dev", kind: "MeshConfig", namespace: SYSTEM_NAMESPACE, name: "default" };
  const { rootNamespace, egress } = ((await store.get(ref))?.spec ?? {}) as MeshConfigSpec;
  const rules: NamedRule[] = [];
  for (let after: { namespace: string; name: string } | null = null; ;) {
    const { objects } = await store.list({ group: "tulle.dev", kind: "EnrolmentRule" }, null, after, PAGE);
    rules.push(...objects.map(({ metadata, spec }) => ({ name: metadata.name, spec: spec as EnrolmentRuleSpec })));
    const last = objects.at(-1);
    if (last === undefined || objects.length < PAGE) break;
    after = { namespace: "", name: last.metadata.name };
  }
  return {
    rules,
    allowedHosts: egress?.allowedHosts ?? [],
    rootNamespaces: [SYSTEM_NAMESPACE, rootNamespace ?? SYSTEM_NAMESPACE],
  };
}
