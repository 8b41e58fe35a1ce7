import type { CheckResult } from "./check-kinds.ts";
import { failing, skipped } from "./project-checks.ts";

/** What is known of an account before a deployment. */
export interface AccountFacts {
  /** Why wrangler may not talk to it; null: it may. */
  readonly login: string | null;
  /** Services that are public without a name on the account. */
  readonly nameless: readonly string[];
  /** `none`: no deployment made any yet; `pending`: made, and not known to be set. */
  readonly meshSecrets: "none" | "pending" | "set";
  /** Of Workers whose configurations name secrets. */
  readonly secrets: readonly WorkerSecrets[];
  /** Of the mesh's gateways. */
  readonly gateways: readonly Omit<WorkerSecrets, "required">[];
}

export interface WorkerSecrets {
  readonly worker: string;
  readonly required: readonly string[];
  /** Names of those that are set; null: the account does not tell, since the Worker is not there yet. */
  readonly set: readonly string[] | null;
}

export function accountChecks({
  login,
  nameless,
  meshSecrets,
  secrets,
  gateways,
}: AccountFacts): readonly CheckResult[] {
  const pending = meshSecrets === "pending" ? ["secrets are made, and were not set: a deployment stopped before"] : [];
  return [
    failing("wrangler-login", login === null ? [] : [login]),
    failing(
      "public-names",
      [],
      nameless.map((service) => `\`${service}\` has none`),
    ),
    meshSecrets === "none"
      ? {
          id: "mesh-secrets",
          outcome: "skipped",
          details: ["nothing was deployed from here: the first deployment makes them"],
        }
      : failing("mesh-secrets", [], pending),
    ...(login === null
      ? [failing("worker-secrets", secrets.flatMap(missing), secrets.flatMap(unknown)), edgeSecret(gateways)]
      : skipped(["worker-secrets", "edge-secret"], "wrangler may not talk to the account")),
  ];
}

function edgeSecret(gateways: AccountFacts["gateways"]): CheckResult {
  if (gateways.every(({ set }) => set === null))
    return { id: "edge-secret", outcome: "skipped", details: ["no gateway is on the account yet"] };
  const without = gateways.filter(({ set }) => set?.includes("EDGE_SECRET") === false);
  return failing(
    "edge-secret",
    [],
    without.map(({ worker }) => `\`${worker}\` has none`),
  );
}

function missing({ worker, required, set }: WorkerSecrets): readonly string[] {
  const lacks = set === null ? [] : required.filter((name) => !set.includes(name));
  return lacks.length === 0 ? [] : [`\`${worker}\` lacks ${lacks.join(", ")}`];
}

function unknown({ worker, required, set }: WorkerSecrets): readonly string[] {
  return set === null ? [`\`${worker}\` is not on the account yet, and needs ${required.join(", ")}`] : [];
}
