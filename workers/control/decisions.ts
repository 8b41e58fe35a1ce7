import { Hono } from "hono";
import { HypotheticalDecision, RecordedDecision } from "../../src/api/decision-bodies.ts";
import { type Answer, answerOf } from "../../src/decide/answers.ts";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { callable, decideHypothetical, type Step, traceInto } from "../../src/decide/explain.ts";
import { hypotheticalRequest } from "../../src/decide/hypothetical.ts";
import type { HypotheticalFacts, Problem } from "../../src/decide/hypothetical-facts.ts";
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
import { answer, type Api, needsPath } from "./access.ts";
import type { HubApi } from "./hub-api.ts";
import { readPlain } from "./json-body.ts";
import { LinkedSlices } from "./linked-slices.ts";

const MAX_BODY_BYTES = 65_536;
const FORM = '{"scope"?: "mesh/*", "facts": {"host": "reviews.default.svc.cluster.local", …}}';

/** What is asked, before its host was looked up. */
interface Question {
  readonly places: readonly Place[];
  /** The trust domain that the caller is of; null: nobody's. */
  readonly trustDomain: string | null;
  /** What a gateway answers before it looks for the host. */
  readonly early: Answer | null;
  decide(slice: LinkedSlice, port: number, steps: Step[]): Result<Decision, Problem>;
}

/** What a gateway would do with a request, by the newest configuration. Facts come and go: nothing of them is kept. */
export function decisionRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  const slices = new LinkedSlices();
  app.use("/decide", needsPath);
  app.post("/decide", async (c) => {
    const body = await readPlain(c.req.raw, FORM, MAX_BODY_BYTES);
    if (!body.ok) return answer(c, body.error);
    const question = questionOf(body.value);
    if (!question.ok) return answer(c, question.error);
    const decided = await explain(c.env.HUB.getByName("hub"), slices, question.value);
    return decided.ok ? c.json(decided.value) : answer(c, decided.error);
  });
  return app;
}

function questionOf(body: unknown): Result<Question, Status> {
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

function invalid(causes: readonly Pick<Finding, "reason" | "field" | "message">[]): Status {
  const told = causes.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join("; ");
  return failure("Invalid", `nothing can be decided: ${told}`, {
    causes: causes.map(({ reason, field, message }) => ({ reason, field, message })),
  });
}

function refused({ field, message }: Problem): Status {
  return invalid([{ reason: "FieldValueInvalid", field: field === "" ? "scope" : `facts.${field}`, message }]);
}

function hypothetical(facts: HypotheticalFacts, scope: string | null): Result<Question, Status> {
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
    decide: (slice, port, steps) => decideHypothetical(slice, value, port, facts, steps),
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
    decide: (slice, _, steps) => replay(slice, written, steps),
  });
}

function replay(slice: LinkedSlice, written: WrittenFacts, steps: Step[]): Result<Decision, Problem> {
  try {
    const decision = decide(slice, readFacts(slice, written), traceInto(steps));
    if (decision.effect !== "need") return ok(decision);
    const [need] = decision.needs;
    if (need?.kind === "ext_authz") {
      const message = `the record does not say what the provider \`${need.authorizer.name}\` answered`;
      return err({ field: "checks", message });
    }
    const message = `the record does not say what verifying the token in \`${need?.place.name ?? ""}\` gave`;
    return err({ field: "tokens", message });
  } catch (error) {
    if (error instanceof ConclusionMissing) return err({ field: "conclusions", message: error.message });
    throw error;
  }
}

async function explain(hub: HubApi, slices: LinkedSlices, question: Question): Promise<Result<object, Status>> {
  const { places, trustDomain, early } = question;
  const found = await lookUp(hub, slices, early === null ? places : [], slices.ids());
  if (trustDomain !== null && trustDomain !== found.trustDomain) {
    const message = `the mesh trusts \`${found.trustDomain}\` alone, and takes a caller of \`${trustDomain}\` for nobody: leave \`peer\` out`;
    return err(refused({ field: "peer", message }));
  }
  const steps: Step[] = [];
  const scopeAt = (at: number): string => found.scopes[at] ?? places[at]?.scope ?? "";
  for (const [at, { host }] of places.slice(0, found.at ?? places.length).entries())
    if (early === null) steps.push({ stage: "host", name: host, outcome: `not listed in ${scopeAt(at)}` });
  const at = found.at ?? 0;
  const place = places[at];
  if (place === undefined) throw new Error("there is no place to look at");
  const { host, port } = place;
  const scope = scopeAt(at);
  if (found.slice !== null) steps.push({ stage: "host", name: host, outcome: `listed in ${scope}` });
  const decided = found.slice === null ? ok(early ?? answerOf("no_route")) : question.decide(found.slice, port, steps);
  if (!decided.ok) return err(refused(decided.error));
  return ok({
    generation: found.generation,
    scope,
    host,
    slice: found.id,
    decision: describeDecision(decided.value),
    trace: steps,
    endpoints: callable(decided.value),
  });
}

interface Found {
  readonly generation: number;
  readonly trustDomain: string;
  readonly scopes: readonly string[];
  readonly at: number | null;
  readonly id: string | null;
  readonly slice: LinkedSlice | null;
}

/** @param have ids of slices that are linked */
async function lookUp(
  hub: HubApi,
  slices: LinkedSlices,
  places: readonly Place[],
  have: readonly string[],
): Promise<Found> {
  const { generation, trustDomain, scopes, slice: found } = await hub.find(places, have);
  if (found === null) return { generation, trustDomain, scopes, at: null, id: null, slice: null };
  const { at, id, text } = found;
  const slice = slices.take(id, text);
  // Another question may have driven it out while this one waited: the text itself is asked for.
  return slice === null ? lookUp(hub, slices, places, []) : { generation, trustDomain, scopes, at, id, slice };
}
