import * as context from "./context.ts";
import * as intercept from "./intercept.ts";

// `tulle/sidecar`, what a generated entry imports. Types are written out: the package has none of the other files'.

/** Calls by bindings of these names take the context along of the call for which they are made. */
export const carryOver: (names: readonly string[]) => void = context.carryOver;

/** What a Worker exports is run in the context of the call that it handles. */
export const carryContext: (exported: Readonly<Record<string, unknown>>) => void = context.carryContext;

/** Sends calls to mesh hosts, each by the binding of that name; `rest`: all others, null: they go on as before. */
export const interceptFetch: (hosts: Readonly<Record<string, string>>, rest?: string | null) => void =
  intercept.interceptFetch;
