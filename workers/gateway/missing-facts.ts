import type { AnswerCode } from "../../src/decide/answers.ts";
import type { MissingFact } from "../../src/decide/types.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import type { Call } from "./call.ts";
import { askAuthorizer } from "./ext-authz.ts";
import { lookUpKey } from "./know-keys.ts";

/** By the number of their place in the slice, as in the facts that they are part of. */
export type Tokens = (TokenFact | null | undefined)[];

/** Most requests need one round: a token that was seen before is a fact already. Providers that were asked count for themselves. */
export const MAX_ROUNDS = 4;

export type BodyOf<C> = (call: C, bytes: number) => Promise<Uint8Array | null | AnswerCode>;

/**
 * Gets what is missing, into `tokens`, `checks` and the call's keys.
 *
 * @param bodyOf the request's body for somebody who may see so many bytes of it, or why there is none to see
 * @param latest epoch ms: no authorizer is asked for longer; absent: each has its own time
 * @returns why it cannot go on; null: it can
 */
export async function getFacts<C extends Call>(
  call: C,
  needs: readonly MissingFact[],
  tokens: Tokens,
  checks: Map<string, CheckFact>,
  bodyOf: BodyOf<C>,
  latest = Number.POSITIVE_INFINITY,
): Promise<AnswerCode | null> {
  for (const need of needs) {
    if (need.kind === "token") tokens[need.place.index] = await call.mesh.tokens.verify(need, call.lease);
    else if (need.kind === "api_key") await lookUpKey(call, need.header);
    else if (!checks.has(need.key)) {
      const { maxBodyBytes } = need.authorizer.model;
      const body = maxBodyBytes === undefined ? null : await bodyOf(call, maxBodyBytes);
      if (typeof body === "string") return body;
      checks.set(need.key, await askAuthorizer(call, need, body, latest));
    }
  }
  return null;
}
