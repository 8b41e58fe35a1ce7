import { isSecretHeader } from "../match/secret-test.ts";
import type { LinkedPlace } from "../policy/request-authentication.ts";
import { REDACTED, withoutValues } from "../request/credentials.ts";
import { foldedName } from "../request/header-names.ts";
import type { ApiKeyFact, ApiKeyFacts } from "../request/api-key-fact.ts";
import type { CheckFact } from "../request/check-fact.ts";
import { ConclusionMissing, type RequestFacts } from "../request/facts.ts";
import { emptyHeaders, type HeaderRecord } from "../request/headers.ts";
import type { TokenFact } from "../request/token-fact.ts";
import type { LinkedSlice } from "../snapshot/link.ts";
import { decide } from "./decide.ts";

/**
 * A request's facts as a record holds them: plain JSON without credentials. The values of Authorization, Cookie and other
 * places of tokens, and those of the query, are gone; what rules concluded about them stands in `conclusions`.
 */
export interface WrittenFacts extends Omit<
  RequestFacts,
  "sourceIp" | "headers" | "tokens" | "apiKeys" | "apiKey" | "checks" | "conclusions"
> {
  /** Absent in records of an older release: the client's. */
  readonly sourceIp?: string | null | undefined;
  /** Those that rules name, and the two that make a preflight; `*`, or a keyed digest, for a value that is not recorded. */
  readonly headers: Readonly<Record<string, string>>;
  /** What was known of tokens, by place; null: none there. Claims are those that rules name. */
  readonly tokens: Readonly<Record<string, TokenFact | null>>;
  /** What was known of API keys, by header; null: none there. Absent: none was looked for. Never a key itself. */
  readonly apiKeys?: Readonly<Record<string, ApiKeyFact | null>>;
  /** What external authorizers said; absent: nobody was asked. Without values and bodies. */
  readonly checks?: Readonly<Record<string, CheckFact>>;
  /** Verdicts by the name of the test. */
  readonly conclusions: Readonly<Record<string, boolean>>;
}

/** Of these not even a digest is kept: what they hold is a whole credential, or many of them. */
const NEVER = new Set(["authorization", "proxy-authorization", "cookie"]);
const NO_PLACES: ReadonlySet<string> = new Set();

/**
 * Headers of a record whose values may be told apart by a keyed digest in place of `*`: API keys and the like, that rules name, and
 * what limits count by. Not those in which tokens are looked for, nor what an external authorizer says.
 */
export function digestible({ secret, counted }: LinkedSlice, { headers }: WrittenFacts): readonly string[] {
  return Object.keys(headers).filter(
    (name) =>
      !NEVER.has(foldedName(name)) && !secret.has(name) && (isSecretHeader(name, NO_PLACES) || counted.has(name)),
  );
}

type Checks = NonNullable<RequestFacts["checks"]>;

const OF_PREFLIGHT = ["origin", "access-control-request-method"];

/**
 * Writes down what a decision was made of.
 *
 * @param facts complete: `decide` needs nothing more
 */
export function writeFacts(slice: LinkedSlice, facts: RequestFacts): WrittenFacts {
  const by = new Map<string, boolean>();
  decide(slice, { ...facts, conclusions: { by, mode: "write" } });
  const { headers: _, tokens, apiKeys, apiKey: ___, checks, conclusions: __, query, ...rest } = facts;
  return {
    ...rest,
    query: withoutValues(query),
    headers: writtenHeaders(slice, facts.headers),
    tokens: writtenTokens(slice, tokens),
    ...(apiKeys && { apiKeys: writtenKeys(slice, apiKeys) }),
    ...(checks && { checks: writtenChecks(checks) }),
    conclusions: Object.fromEntries(by),
  };
}

/**
 * Reads a record for a slice, that of the record or a newer one.
 *
 * @throws ConclusionMissing where rules look for tokens at a place that the record says nothing of, though something was there
 */
export function readFacts(slice: LinkedSlice, written: WrittenFacts): RequestFacts {
  const { sourceIp = written.clientIp, headers, tokens, apiKeys, checks, conclusions, ...rest } = written;
  const known = new Map(Object.entries(tokens));
  const record = Object.assign(emptyHeaders(), headers);
  return {
    ...rest,
    sourceIp,
    headers: record,
    tokens: slice.places.map((place) => {
      const fact = known.get(place.key);
      if (fact !== undefined) return fact;
      if (mayHoldToken(place, record, written.query)) throw new ConclusionMissing(place.key);
      return null;
    }),
    ...(slice.keyHeaders !== null && { apiKeys: readKeys(slice.keyHeaders, record, apiKeys) }),
    ...(checks && { checks: new Map(Object.entries(checks)) }),
    conclusions: { by: new Map(Object.entries(conclusions)), mode: "read" },
  };
}

const UNKNOWN: ApiKeyFact = { state: "unknown" };

/** Another namespace's key is unknown here, to those too who read records. */
function writtenKeys({ model }: LinkedSlice, keys: ApiKeyFacts): NonNullable<WrittenFacts["apiKeys"]> {
  const taken = new Set(model.policySets.flatMap(({ keys: policies = [] }) => policies.map((one) => one.namespace)));
  return Object.fromEntries(
    [...keys].map(([header, fact]) => {
      const of = fact?.state === "known" ? fact.key.namespace : fact?.state === "revoked" ? fact.namespace : null;
      return [header, of === null || taken.has(of) ? fact : UNKNOWN];
    }),
  );
}

function readKeys(
  looked: readonly string[],
  headers: HeaderRecord,
  written: WrittenFacts["apiKeys"] = {},
): RequestFacts["apiKeys"] {
  return new Map(
    looked.map((header) => {
      const fact = Object.hasOwn(written, header) ? written[header] : undefined;
      // The call ended before anybody could say, or nobody looked there then.
      if (fact === undefined && headers[header] !== undefined) throw new ConclusionMissing(`API key in ${header}`);
      return [header, fact ?? null] as const;
    }),
  );
}

function writtenHeaders(
  { headers: named, secret, counted, places, provided }: LinkedSlice,
  headers: HeaderRecord,
): Record<string, string> {
  const cookies = new Set(places.flatMap(({ kind, name }) => (kind === "cookie" ? [name] : [])));
  const written: Record<string, string> = {};
  // That a client wrote a header which a provider fills is seen by what is taken away.
  const taken = provided === null ? [] : Object.keys(headers).filter(provided);
  for (const name of new Set([...named.names, ...OF_PREFLIGHT, "cookie", ...taken])) {
    const value = headers[name];
    if (value === undefined) continue;
    if (name === "cookie") written[name] = withoutCookieValues(value, cookies);
    else if (isSecretHeader(name, secret) || counted.has(name) || provided?.(name) === true) written[name] = REDACTED;
    else written[name] = value;
  }
  return written;
}

/** Only cookies in which rules look for tokens keep their names: whether one is there is what a record must tell. */
function withoutCookieValues(header: string, names: ReadonlySet<string>): string {
  const kept = header
    .split(";")
    .map((pair) => pair.split("=", 1)[0]?.trim() ?? "")
    .filter((name) => names.has(name));
  return kept.length === 0 ? REDACTED : kept.map((name) => `${name}=${REDACTED}`).join("; ");
}

/** Workloads with the same rules look for the same token; one that was never asked knows nothing of it. */
function writtenTokens({ places, claims }: LinkedSlice, tokens: RequestFacts["tokens"]): WrittenFacts["tokens"] {
  const written = new Map<string, TokenFact | null>();
  for (const { index, key } of places) {
    const fact = tokens[index] ?? null;
    if (fact !== null || !written.has(key)) written.set(key, writtenToken(fact, claims));
  }
  return Object.fromEntries(written);
}

function writtenToken(fact: TokenFact | null, names: ReadonlySet<string>): TokenFact | null {
  if (fact === null || !fact.ok) return fact;
  const claims = Object.fromEntries(Object.entries(fact.claims).filter(([name]) => names.has(name)));
  return { ...fact, claims };
}

/** What a provider gave may be a secret: rules that look at it have concluded what they wanted to know. */
function writtenChecks(checks: Checks): Record<string, CheckFact> {
  return Object.fromEntries(
    [...checks].map(([key, fact]): [string, CheckFact] => {
      if (fact.verdict === "failed") return [key, fact];
      if (fact.verdict === "denied") return [key, { ...fact, headers: fact.headers.map(withoutValue), body: "" }];
      const toService = Object.fromEntries(Object.entries(fact.toService).map(withoutValue));
      return [key, { ...fact, toService, toClient: fact.toClient.map(withoutValue) }];
    }),
  );
}

function withoutValue([name]: readonly [name: string, value: string]): readonly [string, string] {
  return [name, REDACTED];
}

function mayHoldToken({ kind, name }: LinkedPlace, headers: HeaderRecord, query: string): boolean {
  if (kind === "header") return headers[name] !== undefined;
  if (kind === "cookie") return headers["cookie"] !== undefined;
  return query.split("&").some((pair) => new URLSearchParams(pair).has(name));
}
