import { err, ok, type Result } from "../result.ts";
import type { TailFilter } from "../snapshot/tail-model.ts";
import type { Journal } from "./journal.ts";
import type { AccessRecord } from "./record.ts";

/** What conditions look at. */
export interface TailSubject {
  /** Of the service that was called. */
  readonly host: string | null;
  readonly route: string | null;
  readonly status: number;
  readonly principal: string | null;
  readonly policy: string | null;
  readonly path: string;
}

export function subjectOf({ cluster, route, status, peer, policy, path }: Journal): TailSubject {
  return {
    host: cluster?.service.host ?? null,
    route: route?.name ?? null,
    status,
    principal: peer.principal,
    policy,
    path,
  };
}

export function subjectIn(record: AccessRecord): TailSubject {
  const { destination_service: host, route, status, source_principal: principal, policy, path } = record;
  return { host, route, status, principal, policy, path };
}

/** @returns whether a request is one of those; `namespace` is another's to judge (visibility.ts) */
export function tailTest(filter: TailFilter): (subject: TailSubject) => boolean {
  const tests: ((subject: TailSubject) => boolean)[] = [];
  const { service, route, status, principal, policy, path } = filter;
  if (service !== undefined) tests.push(({ host }) => host === service || (host?.startsWith(`${service}.`) ?? false));
  if (route !== undefined) tests.push((subject) => isWithin(subject.route, route));
  if (status !== undefined) tests.push((subject) => status.some((one) => hasStatus(subject.status, one)));
  if (principal !== undefined) tests.push((subject) => isPrincipal(subject.principal, principal));
  if (policy !== undefined) tests.push((subject) => subject.policy === policy);
  if (path !== undefined) {
    const prefix = path.endsWith("*") ? path.slice(0, -1) : null;
    tests.push((subject) => (prefix === null ? subject.path === path : subject.path.startsWith(prefix)));
  }
  return (subject) => tests.every((test) => test(subject));
}

/** A route's parts stand between `/`, and before the name of a match block a `.`. */
function isWithin(name: string | null, wanted: string): boolean {
  if (name === null || !name.startsWith(wanted)) return false;
  const next = name.charAt(wanted.length);
  return next === "" || next === "/" || next === ".";
}

function hasStatus(status: number, wanted: string): boolean {
  return wanted.endsWith("xx") ? Math.floor(status / 100) === Number(wanted.charAt(0)) : status === Number(wanted);
}

function isPrincipal(principal: string | null, wanted: string): boolean {
  if (principal === null) return wanted === "-";
  if (principal === wanted) return true;
  const [namespace, account, ...more] = wanted.split("/");
  return more.length === 0 && account !== undefined && principal.endsWith(`/ns/${namespace}/sa/${account}`);
}

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
