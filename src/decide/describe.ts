import type { HeaderChange } from "../request/changes.ts";
import { withoutValues } from "../request/credentials.ts";
import { bytesToBase64 } from "../snapshot/bytes.ts";
import type { RetryPolicy } from "../snapshot/model.ts";
import type { Answer } from "./answers.ts";
import type { Decision } from "./types.ts";

/** A decision in words and numbers, plain JSON: what a record holds, what an operator is shown. No query values. */
export type DescribedDecision = DescribedAnswer | DescribedForward;

interface DescribedAnswer {
  readonly effect: "answer";
  readonly code: string;
  readonly status: number;
  /** Base64 of a direct response that is no text. */
  readonly body: string;
  readonly flag: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly policy: string | null;
  readonly route: string | null;
  readonly cluster: string | null;
  readonly delayMs: number;
}

interface DescribedForward {
  readonly effect: "forward";
  readonly route: string;
  readonly cluster: string;
  /** Whether the request has what the cluster picks its endpoint by; null: it picks by nothing. */
  readonly picksByHash: boolean | null;
  /** Where it goes, if the host that was asked for says so. */
  readonly origin: string | null;
  readonly path: string;
  /** Names alone. */
  readonly query: string;
  readonly authority: string | null;
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  readonly cors: readonly HeaderChange[];
  /** Endpoints that are not called, with the reason. */
  readonly refused: readonly { readonly endpoint: string; readonly code: string; readonly policy: string | null }[];
  /** Header changes by endpoint, where they differ from endpoint to endpoint. */
  readonly byEndpoint: readonly { readonly endpoint: string; readonly changes: readonly HeaderChange[] }[];
  readonly requestPrincipal: string | null;
  readonly delayMs: number;
  /** A rehearsal holds it, within the limits of what runs. */
  readonly heldMs: number;
  /** What follows a failed attempt; null: its answer stands. */
  readonly retries: RetryPolicy | null;
  /** For all attempts together; null: any. */
  readonly timeoutMs: number | null;
  /** Without a byte of request or answer; null: any. */
  readonly idleTimeoutMs: number | null;
  /** Who gets a copy; with the code where it is not sent. */
  readonly mirrors: readonly { readonly cluster: string; readonly refused: string | null }[];
}

export function describeDecision(decision: Decision): DescribedDecision {
  if (decision.effect === "answer") return describeAnswer(decision);
  const {
    route,
    cluster,
    origin,
    hash,
    path,
    query,
    authority,
    request,
    response,
    cors,
    refusals,
    bySet,
    requestPrincipal,
    delayMs,
    heldMs,
    mirrors,
  } = decision;
  const { endpoints } = cluster.model;
  return {
    effect: "forward",
    route: route.model.name,
    cluster: cluster.model.id,
    picksByHash: cluster.affinity === null ? null : hash !== null,
    origin,
    path,
    query: withoutValues(query),
    authority,
    request: request.map(withTemplate),
    response: response.map(withTemplate),
    cors,
    refused: endpoints.flatMap(({ id, policySet }) => {
      const refusal = refusals?.get(policySet);
      return refusal ? [{ endpoint: id, code: refusal.code, policy: refusal.policy }] : [];
    }),
    byEndpoint: endpoints.flatMap(({ id, policySet }) => {
      const changes = bySet?.get(policySet);
      return changes ? [{ endpoint: id, changes: changes.map(withTemplate) }] : [];
    }),
    requestPrincipal,
    delayMs,
    heldMs,
    retries: route.model.retries ?? null,
    timeoutMs: route.model.timeoutMs ?? null,
    idleTimeoutMs: route.model.idleTimeoutMs ?? null,
    mirrors: mirrors.map(({ cluster: to, copy }) => ({
      cluster: to.model.id,
      refused: copy.effect === "answer" ? copy.code : copy.effect === "need" ? "fact_unknown" : null,
    })),
  };
}

function describeAnswer({
  code,
  status,
  body,
  flag,
  headers,
  policy,
  route,
  cluster,
  delayMs,
}: Answer): DescribedAnswer {
  return {
    effect: "answer",
    code,
    status,
    // A provider's own page may hold a secret.
    body: code === "ext_authz_denied" ? "" : typeof body === "string" ? body : bytesToBase64(body),
    flag,
    headers: headers.map(([name, value, template]) => [
      name,
      template ?? (name === "location" ? withoutQueryValues(value) : value),
    ]),
    policy,
    route: route?.model.name ?? null,
    cluster: cluster?.model.id ?? null,
    delayMs,
  };
}

/** What was made of a request's values may hold a credential. */
function withTemplate(change: HeaderChange): HeaderChange {
  if (!("template" in change)) return change;
  const { op, name, value, template } = change;
  return { op, name, value: template ?? value };
}

function withoutQueryValues(url: string): string {
  const at = url.indexOf("?");
  return at === -1 ? url : url.slice(0, at) + withoutValues(url.slice(at));
}
