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
