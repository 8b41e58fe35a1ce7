import type { z } from "zod";
import type { ExplainedRequest } from "../../src/api/explain-bodies.ts";
import { fieldOf, objectOf } from "../../src/compile/origins.ts";
import { callable } from "../../src/decide/explain.ts";
import type { Explanation, Stage } from "../../src/decide/stages.ts";
import type { Decision } from "../../src/decide/types.ts";
import { rfc3339 } from "../../src/kube/events.ts";
import { withoutValues } from "../../src/request/credentials.ts";
import { refKey } from "../../src/resources/object.ts";
import { partiesOf, sightOf } from "../../src/telemetry/visibility.ts";
import { type Provenance, provenanceOf } from "./db/provenance.ts";

export type Explained = z.infer<typeof ExplainedRequest>;

/** What was decided and seen, whoever asks. */
export interface Told {
  readonly verdict: Explained["verdict"];
  readonly generation: number;
  readonly scope: string;
  readonly host: string;
  readonly slice: string | null;
  /** Null: it was not decided here. */
  readonly decision: Decision | null;
  readonly explanation: Explanation;
  /** Namespace of what is called; null: that is not known. */
  readonly destination: string | null;
}

export function verdictOf(decision: Decision): Explained["verdict"] {
  const { route, cluster } = decision;
  const of = { route: route?.model.name ?? null, cluster: cluster?.model.id ?? null };
  if (decision.effect === "forward") return { effect: "forward", code: "forward", status: null, policy: null, ...of };
  const { code, status, policy } = decision;
  return { effect: "answer", code, status, policy, ...of };
}

/** The stages with the objects, fields and writes that brought them in. */
export async function explained(
  database: D1Database,
  { verdict, generation, scope, host, slice, decision, explanation }: Told,
  rest: Pick<Explained, "record" | "hops" | "windows">,
): Promise<Explained> {
  const { stages, facts } = explanation;
  const refs = stages.flatMap(({ origin }) => (origin && objectOf(origin)) ?? []);
  const wanted = [...new Map(refs.map((ref) => [refKey(ref), ref])).values()];
  const known = await provenanceOf(database, wanted, generation);
  return {
    verdict,
    generation,
    scope,
    host,
    slice,
    request: facts && {
      protocol: facts.protocol,
      method: facts.method,
      scheme: facts.scheme,
      authority: facts.authority,
      port: facts.port,
      path: facts.path,
      query: withoutValues(facts.query),
      principal: facts.peer.principal,
      clientIp: facts.clientIp,
    },
    stages: stages.map((stage) => shownStage(stage, known)),
    endpoints: decision === null ? [] : [...callable(decision)],
    ...rest,
  };
}

function shownStage(
  { stage, at, outcome, detail, origin, field, compared, failed }: Stage,
  known: ReadonlyMap<string, Provenance>,
): Explained["stages"][number] {
  const ref = origin === null ? null : objectOf(origin);
  const found = ref === null ? undefined : known.get(refKey(ref));
  const { revision, object = null } = found ?? {};
  return {
    stage,
    at,
    outcome,
    detail,
    object: ref && { kind: ref.kind, namespace: ref.namespace, name: ref.name },
    field: origin === null || ref === null ? null : fieldOf(origin, field, object),
    revision: revision ? { generation: revision.generation, at: rfc3339(revision.at), actor: revision.actor } : null,
    compared: compared.map((one) => ({ ...one, wanted: [...one.wanted] })),
    failed: failed && { ...failed, wanted: [...failed.wanted] },
  };
}

const REFUSED = "refused";

/**
 * As an account of one namespace may see it (R21): whole where its workload is called, without the other side's policies where it is
 * the caller. Of a request that nobody sent the caller's side is not told either whether they let it through.
 *
 * @returns null: not at all
 */
export function seenExplained(
  whole: Explained,
  { destination }: Pick<Told, "destination">,
  namespace: string | null,
  trustDomains: readonly string[],
): Explained | null {
  if (namespace === null) return whole;
  const parties = partiesOf(whole.scope, whole.request?.principal ?? null, destination, trustDomains);
  const sight = sightOf(parties, { namespace });
  if (sight === "nothing") return null;
  return sight === "whole" ? whole : asItsCaller(whole, namespace);
}

function asItsCaller(whole: Explained, namespace: string): Explained {
  const { verdict, record, stages } = whole;
  const isOwnName = (name: string | null): boolean => name !== null && name.startsWith(`${namespace}/`);
  const isOwn = ({ at, object }: Explained["stages"][number]): boolean =>
    object === null ? at !== "destination" : object.namespace === namespace;
  const isVerdict = (verdict.policy !== null || BY_POLICIES.has(verdict.code)) && !isOwnName(verdict.policy);
  // Who may invent requests would find out a policy by what becomes of each: all that may have come to it look the same.
  if (record === null && (isVerdict || (verdict.cluster !== null && !isOwnName(verdict.policy)))) {
    const before = stages.filter((stage) => isOwn(stage) && !BEHIND_POLICIES.has(stage.stage));
    return { ...whole, slice: null, verdict: NOT_SHOWN, stages: before, endpoints: [], hops: [] };
  }
  return {
    ...whole,
    slice: null,
    verdict: {
      ...verdict,
      code: isVerdict ? REFUSED : verdict.code,
      policy: isOwnName(verdict.policy) ? verdict.policy : null,
      route: isOwnName(verdict.route) ? verdict.route : null,
    },
    stages: stages.filter(isOwn),
    endpoints: [],
    record: record && {
      ...record,
      code: isVerdict ? REFUSED : record.code,
      details: isVerdict ? REFUSED : record.details,
    },
    hops: [],
  };
}

/** Refusals that name no policy, and tell of the other side's all the same. */
const BY_POLICIES = new Set(["rbac_denied_no_allow", "mtls_required"]);

const NOT_SHOWN: Explained["verdict"] = {
  effect: "answer",
  code: "not_shown",
  status: null,
  policy: null,
  route: null,
  cluster: null,
};

/** Stages that a request may come to once the policies of what it calls let it through. */
const BEHIND_POLICIES: ReadonlySet<Explained["stages"][number]["stage"]> = new Set([
  "filter",
  "limit",
  "mirror",
  "breakers",
  "endpoint",
  "shadow",
]);
