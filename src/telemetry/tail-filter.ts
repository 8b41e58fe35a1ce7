import { err, ok, type Result } from "../result.ts";
import type { TailFilter } from "../snapshot/tail-model.ts";

export const DEFAULT_MAX_RPS = 100;
export const MAX_MAX_RPS = 1_000;
const MAX_CHARACTERS = 1_536;
const MAX_STATUSES = 16;

/** What is wrong with a parameter of a tail. */
export interface TailProblem {
  readonly parameter: string;
  /** How it must be. */
  readonly message: string;
}

const SHAPES: Readonly<Record<string, { readonly shape: RegExp; readonly message: string }>> = {
  service: {
    shape: /^([a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-a-z0-9]*[a-z0-9])?|[a-z0-9*]([-a-z0-9.*]*[a-z0-9])?)$/,
    message:
      "must be `NAMESPACE/NAME`, a service's host, or its first labels: `shop/reviews`, `reviews`, `reviews.shop`",
  },
  route: { shape: /^[\x21-\x7e]+$/, message: "must be a route's name, or its first parts: `shop/reviews`" },
  status: {
    // Others are no statuses of HTTP (RFC 9110 §15); 0 is a call that ended without one.
    shape: /^([1-5]\d\d|0|[1-5]xx)(,([1-5]\d\d|0|[1-5]xx))*$/,
    message: "must be statuses from 100 to 599, or classes of them: `404`, `5xx`, `4xx,503`",
  },
  principal: {
    shape: /^(-|(spiffe:\/\/)?[\x21-\x7e]+\/[\x21-\x7e]+)$/,
    message: "must be NAMESPACE/SERVICE_ACCOUNT, a SPIFFE ID, or `-` for callers without one",
  },
  policy: { shape: /^[^\s/]+\/[^\s/]+(\/\S*)?$/, message: "must be NAMESPACE/NAME" },
  path: { shape: /^(\/[\x21-\x7e]*|\*)$/, message: "must be a path, with `*` at its end for all that begin so" },
  namespace: { shape: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, message: "must be the name of a namespace" },
  maxRps: { shape: /^[1-9]\d{0,3}$/, message: `must be a whole number from 1 to ${MAX_MAX_RPS}` },
};

const TAIL_PARAMETERS: readonly string[] = Object.keys(SHAPES);

/** Reads a tail's parameters as they stand in a URL's query. */
export function readTailFilter(
  query: Readonly<Record<string, string>>,
): Result<{ readonly filter: TailFilter; readonly maxRps: number }, TailProblem> {
  for (const [parameter, value] of Object.entries(query)) {
    const known = Object.hasOwn(SHAPES, parameter) ? SHAPES[parameter] : undefined;
    if (known === undefined)
      return err({ parameter, message: `is no parameter; there are ${TAIL_PARAMETERS.join(", ")}` });
    if (value.length > MAX_CHARACTERS || !known.shape.test(value)) return err({ parameter, message: known.message });
  }
  const { maxRps = String(DEFAULT_MAX_RPS), status, principal, service, ...rest } = query;
  if (Number(maxRps) > MAX_MAX_RPS) return err({ parameter: "maxRps", message: SHAPES["maxRps"]?.message ?? "" });
  const statuses = status?.split(",") ?? [];
  if (statuses.length > MAX_STATUSES)
    return err({ parameter: "status", message: `must be at most ${MAX_STATUSES} statuses` });
  const filter = {
    ...rest,
    ...(service !== undefined && { service: service.split("/").toReversed().join(".") }),
    ...(status !== undefined && { status: statuses }),
    ...(principal !== undefined && { principal: principal.replace(/^spiffe:\/\//, "") }),
  };
  return ok({ filter, maxRps: Number(maxRps) });
}
