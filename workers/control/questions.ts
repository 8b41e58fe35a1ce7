import { HypotheticalDecision, RecordedDecision } from "../../src/api/decision-bodies.ts";
import type { Answer } from "../../src/decide/answers.ts";
import { decide } from "../../src/decide/decide.ts";
import { decideHypothetical } from "../../src/decide/explain.ts";
import { hypotheticalRequest } from "../../src/decide/hypothetical.ts";
import type { HypotheticalFacts, Problem } from "../../src/decide/hypothetical-facts.ts";
import type { Explanation } from "../../src/decide/stages.ts";
import type { Decision } from "../../src/decide/types.ts";
import { readFacts, type WrittenFacts } from "../../src/decide/written.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { ConclusionMissing } from "../../src/request/facts.ts";
import { EVERY_ACCOUNT, meshScope, type Place } from "../../src/request/places.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { reportTo } from "../../src/resources/report.ts";
import { readShape } from "../../src/resources/shape.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";

/** What is asked, before its host was looked up. */
export interface Question {
  readonly places: readonly Place[];
  /** The trust domain that the caller is of; null: nobody's. */
  readonly trustDomain: string | null;
  /** What a gateway answers before it looks for the host. */
  readonly early: Answer | null;
  decide(slice: LinkedSlice, port: number, into: Explanation): Result<Decision, Problem>;
}

export function questionOf(body: unknown): Result<Question, Status> {
  const findings: Finding[] = [];
  const report = reportTo(findings);
  if (isRecord(body)) {
    const read = readShape(RecordedDecision, body, report);
    return read === null ? err(invalid(findings)) : recorded(read.facts, read.scope ?? null);
  }
  const read = readShape(HypotheticalDecision, body, report);
  return read === null ? err(invalid(findings)) : hypothetical(read.facts, read.scope ?? null);
}

/** Only a record holds conclusions. */
function isRecord(body: unknown): boolean {
  const { facts } = Object(body) as { readonly facts?: unknown };
  return typeof facts === "object" && facts !== null && Object.hasOwn(facts, "conclusions");
}

export function invalid(causes: readonly Pick<Finding, "reason" | "field" | "message">[]): Status {
  const told = causes.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join("; ");
  return failure("Invalid", `nothing can be decided: ${told}`, {
    causes: causes.map(({ reason, field, message }) => ({ reason, field, message })),
  });
}

export function refused({ field, message }: Problem): Status {
  return invalid([{ reason: "FieldValueInvalid", field: field === "" ? "scope" : `facts.${field}`, message }]);
}

export function hypothetical(
  facts: HypotheticalFacts,
  scope: string | null,
  providers: "told" | "assumed" = "told",
): Result<Question, Status> {
  const unsure = facts.tokens.findIndex(isTwoThings);
  if (unsure >= 0)
    return err(refused({ field: `tokens[${unsure}]`, message: "a token that is refused has an issuer alone" }));
  const request = hypotheticalRequest(facts, scope);
  if (!request.ok) return err(refused(request.error));
  const { value } = request;
  if ("effect" in value) {
    const place = { scope: scope ?? "mesh/*", host: facts.host, port: 0 };
    return ok({ places: [place], trustDomain: null, early: value, decide: () => ok(value) });
  }
  return ok({
    places: value.places,
    trustDomain: value.peer.trustDomain,
    early: null,
    decide: (slice, port, into) => decideHypothetical(slice, value, port, facts, into, providers),
  });
}

function isTwoThings({
  refused: code,
  subject,
  audiences,
  presenter,
  claims,
}: HypotheticalFacts["tokens"][number]): boolean {
  if (code === undefined) return false;
  return subject !== "" || audiences.length > 0 || presenter !== null || Object.keys(claims).length > 0;
}

function recorded(written: WrittenFacts, scope: string | null): Result<Question, Status> {
  const { entrance, host, port, peer } = written;
  if (scope === null && entrance === "public")
    return err(refused({ field: "", message: "a record of the public side does not tell it: name the listener" }));
  const place = { scope: scope ?? meshScope(peer, EVERY_ACCOUNT), host, port };
  return ok({
    places: [place],
    trustDomain: peer.trustDomain,
    early: null,
    decide: (slice, _, into) => replay(slice, written, into),
  });
}

function replay(slice: LinkedSlice, written: WrittenFacts, into: Explanation): Result<Decision, Problem> {
  try {
    const facts = readFacts(slice, written);
    into.sawFacts(facts);
    const decision = decide(slice, facts, into);
    if (decision.effect !== "need") return ok(decision);
    const [need] = decision.needs;
    if (need?.kind === "ext_authz") {
      const message = `the record does not say what the provider \`${need.authorizer.name}\` answered`;
      return err({ field: "checks", message });
    }
    if (need?.kind === "api_key") {
      const message = `the record does not say whose the API key in \`${need.header}\` was`;
      return err({ field: "apiKeys", message });
    }
    const message = `the record does not say what verifying the token in \`${need?.place.name ?? ""}\` gave`;
    return err({ field: "tokens", message });
  } catch (error) {
    if (error instanceof ConclusionMissing) return err({ field: "conclusions", message: error.message });
    throw error;
  }
}
