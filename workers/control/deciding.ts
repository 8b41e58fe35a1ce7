import { type Answer, answerOf } from "../../src/decide/answers.ts";
import { Explanation } from "../../src/decide/stages.ts";
import type { Decision } from "../../src/decide/types.ts";
import type { Status } from "../../src/kube/status.ts";
import type { Place } from "../../src/request/places.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { HubApi } from "./hub-api.ts";
import type { LinkedSlices } from "./linked-slices.ts";
import { type Question, refused } from "./questions.ts";

/** What a configuration has for the places that a question may be about. */
export interface Found {
  readonly generation: number;
  readonly trustDomain: string;
  readonly scopes: readonly string[];
  /** Index of the place that lists its host; null: none does. */
  readonly at: number | null;
  readonly id: string | null;
  readonly slice: LinkedSlice | null;
}

/** A question with its answer, and all that was looked at. */
export interface Settled {
  readonly decision: Decision;
  readonly scope: string;
  readonly host: string;
  readonly explanation: Explanation;
}

/** By the newest configuration. @param have ids of slices that are linked */
export async function lookUp(
  hub: HubApi,
  slices: LinkedSlices,
  places: readonly Place[],
  have: readonly string[] = slices.ids(),
): Promise<Found> {
  const { generation, trustDomain, scopes, slice: found } = await hub.find(places, have);
  if (found === null) return { generation, trustDomain, scopes, at: null, id: null, slice: null };
  const { at, id, text } = found;
  const slice = slices.take(id, text);
  // Another question may have driven it out while this one waited: the text itself is asked for.
  return slice === null ? lookUp(hub, slices, places, []) : { generation, trustDomain, scopes, at, id, slice };
}

/** Answers a question by what was found. */
export function settle(question: Question, found: Found): Result<Settled, Status> {
  const { places, trustDomain, early } = question;
  if (trustDomain !== null && trustDomain !== found.trustDomain) {
    const message = `the mesh trusts \`${found.trustDomain}\` alone, and takes a caller of \`${trustDomain}\` for nobody: write \`${found.trustDomain}/ns/NAMESPACE/sa/ACCOUNT\`, or leave \`peer\` out`;
    return err(refused({ field: "peer", message }));
  }
  const explanation = new Explanation(found.slice);
  const scopeAt = (at: number): string => found.scopes[at] ?? places[at]?.scope ?? "";
  for (const [at, { host }] of places.slice(0, found.at ?? places.length).entries())
    if (early === null) explanation.sawHost(host, scopeAt(at), false);
  const place = places[found.at ?? 0];
  if (place === undefined) throw new Error("there is no place to look at");
  const { host, port } = place;
  const scope = scopeAt(found.at ?? 0);
  if (found.slice !== null) explanation.sawHost(host, scope, true);
  const decided = answered(question, found.slice, port, early, explanation);
  return decided.ok ? ok({ decision: decided.value, scope, host, explanation }) : err(refused(decided.error));
}

function answered(
  question: Question,
  slice: LinkedSlice | null,
  port: number,
  early: Answer | null,
  explanation: Explanation,
): ReturnType<Question["decide"]> {
  return slice === null ? ok(early ?? answerOf("no_route")) : question.decide(slice, port, explanation);
}
