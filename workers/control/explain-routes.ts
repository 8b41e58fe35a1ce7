import { type Context, Hono } from "hono";
import type { z } from "zod";
import { WantedExplanation } from "../../src/api/explain-bodies.ts";
import { type Recorded, explainRecord } from "../../src/decide/explain-record.ts";
import { Explanation, plainStage } from "../../src/decide/stages.ts";
import { toldToken } from "../../src/decide/told-token.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { ConclusionMissing } from "../../src/request/facts.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { reportTo } from "../../src/resources/report.ts";
import { readShape } from "../../src/resources/shape.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { HypotheticalFacts } from "../../src/decide/hypothetical-facts.ts";
import type { FoundKeys } from "../../src/decide/hypothetical-keys.ts";
import { apiKeyHash, isApiKey, MAX_KEYS_A_CALL } from "../../src/identity/api-key.ts";
import { answer, type Api, needsPath } from "./access.ts";
import { auditReading } from "./audit-routes.ts";
import { apiKeyStore } from "./db/api-keys.ts";
import { lookUp, settle } from "./deciding.ts";
import { type Explained, explained, seenExplained, type Told, verdictOf } from "./explain-answer.ts";
import { readPlain } from "./json-body.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import { LinkedSlices } from "./linked-slices.ts";
import { lookUpAt } from "./past.ts";
import { hypothetical, invalid } from "./questions.ts";
import { askedOf, shownWindows, trustDomains } from "./record-routes.ts";
import { findRecords, type FoundRecord, sliceOf } from "./record-rings.ts";
import { shownRecords, sightOfRecord } from "./record-sight.ts";

const MAX_BODY_BYTES = 131_072;
const FORM =
  '{"facts": {"host": "reviews.default.svc.cluster.local", …}, "as"?: …, "jwt"?: […], "at"?: 7, "scope"?: …}';
const MAX_HOPS = 50;

/** Why a request was answered as it was, or would be: by the code that decides, with what it looked at. */
export function explainRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  const slices = new LinkedSlices();
  app.use("/explain", needsPath);
  app.post("/explain", async (c) => {
    const body = await readPlain(c.req.raw, FORM, MAX_BODY_BYTES);
    if (!body.ok) return answer(c, body.error);
    const findings: Finding[] = [];
    const wanted = readShape(WantedExplanation, body.value, reportTo(findings));
    if (wanted === null) return answer(c, invalid(findings));
    await auditReading(c, "explain", {});
    const told = await invented(c, slices, wanted);
    if (!told.ok) return answer(c, told.error);
    return shown(c, told.value, { record: null, hops: [], windows: [] });
  });
  app.get("/explain", async (c) => {
    const { requestId, traceId } = c.req.query();
    if ((requestId === undefined) === (traceId === undefined))
      return answer(c, failure("BadRequest", "give `requestId` or `traceId`, as the access log has them"));
    const hop = c.req.query("hop");
    if (hop !== undefined && !/^\d{1,3}$/.test(hop))
      return answer(c, failure("BadRequest", "hop: must be the number of one of `hops`, from 0"));
    await auditReading(c, "explain", askedOf(c.req.query()));
    const { namespace } = c.var.account;
    const wish = { requestId, traceId, namespace: namespace ?? undefined, limit: MAX_HOPS };
    const { records, windows } = await findRecords(c.env, wish, null);
    const domains = await trustDomains(c);
    const seen = records
      .filter(({ record }) => namespace === null || sightOfRecord(record, namespace, domains) !== "nothing")
      .toReversed();
    const found = hop === undefined ? mostWanted(seen) : seen[Number(hop)];
    const covered = shownWindows(windows, namespace);
    if (found === undefined)
      return answer(
        c,
        hop === undefined || seen.length === 0
          ? noRecord(requestId ?? traceId ?? "", covered)
          : noHop(hop, seen.length),
      );
    const told = await recorded(c, slices, found);
    const hops = shownRecords(seen, namespace, domains).map(shownHop);
    return shown(c, told, { record: shownRecord(found, told), hops, windows: covered });
  });
  return app;
}

async function shown(
  c: Context<Api>,
  told: Told,
  rest: Pick<Explained, "record" | "hops" | "windows">,
): Promise<Response> {
  const whole = await explained(c.env.DB, told, rest);
  const seen = seenExplained(whole, told, c.var.account.namespace, await trustDomains(c));
  if (seen !== null) return c.json(seen);
  const message = `this request is neither to nor from a workload of the namespace \`${c.var.account.namespace}\``;
  return answer(c, failure("Forbidden", message));
}

async function invented(
  c: Context<Api>,
  slices: LinkedSlices,
  { facts: asked, scope, at, as, jwt }: z.infer<typeof WantedExplanation>,
): Promise<Result<Told, Status>> {
  const now = Math.floor(Date.now() / 1_000);
  const read = jwt.map((text) => toldToken(text, now));
  const tokens = read.filter((token) => token !== null);
  const wrong = read.findIndex((token) => token === null);
  if (wrong >= 0)
    return err(
      invalid([{ reason: "FieldValueInvalid", field: `jwt[${wrong}]`, message: "is no compact JWT with an issuer" }]),
    );
  const peer = as === undefined ? asked.peer : { principal: as };
  const foundKeys = await keysIn(c.env.DB, asked.headers);
  const facts = { ...asked, peer, now, tokens: [...asked.tokens, ...tokens], foundKeys };
  const question = hypothetical(facts, scope ?? null, "assumed");
  if (!question.ok) return question;
  const places = question.value.early === null ? question.value.places : [];
  const hub = c.env.HUB.getByName("hub");
  const found = at === undefined ? ok(await lookUp(hub, slices, places)) : await lookUpAt(c.env, at, places);
  if (!found.ok) return found;
  const settled = settle(question.value, found.value);
  if (!settled.ok) return settled;
  const { decision, explanation } = settled.value;
  if (question.value.early !== null)
    explanation.stages.push(
      plainStage("request", "refused", `it cannot be read in one way only: ${verdictOf(decision).code}`),
    );
  const { cluster } = decision;
  return ok({
    verdict: verdictOf(decision),
    generation: found.value.generation,
    scope: settled.value.scope,
    host: settled.value.host,
    slice: found.value.id,
    decision,
    explanation,
    destination: cluster?.model.endpoints[0]?.workload.namespace ?? cluster?.model.service.namespace ?? null,
  });
}

/** A curl line may hold a key itself: whose it is, a gateway would be told too. */
async function keysIn(database: D1Database, headers: HypotheticalFacts["headers"]): Promise<FoundKeys> {
  const texts = [...new Set(Object.values(headers).flat())].filter(isApiKey).slice(0, MAX_KEYS_A_CALL);
  const facts = await apiKeyStore(database).find(await Promise.all(texts.map(apiKeyHash)));
  return new Map(texts.map((text, at) => [text, facts[at] ?? { state: "unknown" }]));
}

/** The first that was refused or failed, else the first of all: what a client saw. */
function mostWanted(records: readonly FoundRecord[]): FoundRecord | undefined {
  return records.find(({ kind }) => kind !== "passed") ?? records[0];
}

/** Decides once more, by the slice that decided then. */
async function recorded(c: Context<Api>, slices: LinkedSlices, { location, record }: FoundRecord): Promise<Told> {
  const { facts, came, slice: id, scope, generation, outcome, destination } = record;
  const slice = id === null ? null : await linked(c, slices, location, id);
  const explanation = new Explanation(slice);
  const host = hostLookedUp(slice, scope, facts?.host ?? came?.authority ?? "");
  if (scope !== "-") explanation.sawHost(host, scope, true);
  const decided = slice === null ? null : decideAgain(slice, record, explanation);
  const { route, cluster, verdict: code, policy, status } = outcome;
  const { decision = null } = decided ?? {};
  if (decided === null)
    explanation.stages.push(
      plainStage("request", "unknown", `it is not decided again: ${whyNot(id, slice !== null, code)}`),
    );
  const isForward = (decided?.verdict ?? code) === "forward";
  return {
    verdict: {
      effect: isForward ? "forward" : "answer",
      code: decided?.verdict ?? code,
      status: isForward ? null : status,
      policy: decided === null ? policy : decided.policy,
      route,
      cluster,
    },
    generation,
    scope,
    host,
    slice: id,
    decision,
    explanation,
    destination,
  };
}

/** A binding whose props name a service calls that one, whatever Host its caller passed on: of that the slice alone tells. */
function hostLookedUp(slice: LinkedSlice | null, scope: string, host: string): string {
  if (slice === null || !scope.startsWith("mesh/")) return host;
  const { host: served, outside } = slice.model;
  const isByHost = outside === true || served.includes("*") || served === host || served.startsWith(`${host}.`);
  return isByHost ? host : served;
}

function decideAgain(slice: LinkedSlice, record: Recorded, into: Explanation) {
  try {
    return explainRecord(slice, record, into);
  } catch (error) {
    if (error instanceof ConclusionMissing) return null;
    throw error;
  }
}

function whyNot(id: string | null, isHere: boolean, code: string): string {
  if (id === null) return `the gateway answered ${code} before it had found the host's configuration`;
  return isHere
    ? `the gateway answered ${code} before its rules had an answer`
    : "its configuration is not kept any more";
}

async function linked(c: Context<Api>, slices: LinkedSlices, location: string, id: string) {
  return slices.take(id, null) ?? slices.take(id, await sliceOf(c.env, location, id));
}

function shownRecord({ at, kind, gateway, location, record }: FoundRecord, told: Told): Explained["record"] {
  const { requestId, traceId, weight, outcome } = record;
  const { verdict, policy, status, flag, details, endpoint, attempts, durationMs } = outcome;
  const isAgain = told.explanation.facts !== null;
  return {
    requestId,
    traceId,
    at: new Date(at).toISOString(),
    kind,
    gateway,
    location,
    weight,
    status,
    flag,
    details,
    endpoint,
    attempts,
    durationMs,
    code: verdict,
    agrees: isAgain ? told.verdict.code === verdict && told.verdict.policy === policy : null,
  };
}

function shownHop({ at, gateway, location, record }: FoundRecord): Explained["hops"][number] {
  const { requestId, traceId, facts, came, outcome } = record;
  const { verdict, status } = outcome;
  const host = facts?.host ?? came?.authority ?? "";
  return { requestId, traceId, at: new Date(at).toISOString(), gateway, location, host, code: verdict, status };
}

function noHop(hop: string, count: number): Status {
  const there = count === 1 ? "one hop is recorded, number 0" : `${count} hops are recorded, from 0 to ${count - 1}`;
  return failure("NotFound", `there is no hop ${hop} of it: ${there}`);
}

function noRecord(asked: string, windows: ReturnType<typeof shownWindows>): Status {
  const covered = windows.map(({ location, from, to, records }) => `${location}: ${records} from ${from} to ${to}`);
  const kept = covered.length === 0 ? "none are kept yet" : `kept are ${covered.join("; ")}`;
  const message = `there is no record of \`${asked.slice(0, 64)}\`: not every call is written down, and records come within some seconds (${kept}). Ask about the request itself instead: \`tulle explain -- curl …\``;
  return failure("NotFound", message);
}
