import { verdictOf } from "../policy/external-exchange.ts";
import type { CheckFact } from "../request/check-fact.ts";
import type { CheckNeed } from "./types.ts";

/** What an external authorizer would answer. */
export interface HypotheticalCheck {
  /** Its name among the mesh's `extensionProviders`. */
  readonly provider: string;
  /** Of its answer; absent: it cannot be asked. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/** @returns null where nobody told what the provider says */
export function hypotheticalCheck({ authorizer }: CheckNeed, told: readonly HypotheticalCheck[]): CheckFact | null {
  const check = told.find(({ provider }) => provider === authorizer.name);
  if (check === undefined) return null;
  const { status, headers = {} } = check;
  if (status === undefined) return { verdict: "failed", reason: "unreachable" };
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => [name.toLowerCase(), value] as const),
  );
  return verdictOf(authorizer, status, lines);
}
