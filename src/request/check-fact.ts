import type { HeaderRecord } from "./headers.ts";

type Lines = readonly (readonly [name: string, value: string])[];

/** What an external authorizer said of a request, or why it said nothing. Plain data; the values may be secrets. */
export type CheckFact =
  | {
      readonly verdict: "allowed";
      /** With which the request is sent on, lower case. */
      readonly toService: HeaderRecord;
      /** Without which it is, whatever is set: lower case. Absent: none. */
      readonly removed?: readonly string[];
      /** Which the client gets with the answer. */
      readonly toClient: Lines;
    }
  | {
      readonly verdict: "denied";
      readonly status: number;
      readonly headers: Lines;
      readonly body: string | Uint8Array<ArrayBuffer>;
    }
  | { readonly verdict: "failed"; readonly reason: CheckFailure };

/** `answer`: it answered, with what is no verdict. */
type CheckFailure = "timeout" | "unreachable" | "no_endpoint" | "overflow" | "answer";
