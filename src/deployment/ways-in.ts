import { type FoundRoute, type FoundWorker, publicNames, routeParts } from "./found-worker.ts";
import type { ProjectFinding } from "./project-finding-codes.ts";
import type { FoundService } from "./versions.ts";

export interface WaysIn {
  /** Public hosts by the service's name. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  readonly findings: readonly ProjectFinding[];
}

interface Claim {
  readonly service: FoundService;
  readonly worker: FoundWorker;
  readonly path: string;
}

/**
 * Who is public, by routes and custom domains. A host that several have goes to the one that takes all of it.
 *
 * @param taken hosts that others have already
 */
export function routedHosts(services: readonly FoundService[], taken: ReadonlySet<string> = new Set()): WaysIn {
  const claims = new Map<string, Claim[]>();
  for (const service of services)
    for (const { worker } of service.versions)
      for (const route of worker.routes)
        for (const host of publicNames(route)) {
          const claim = { service, worker, path: pathOf(route) };
          claims.set(host, [...(claims.get(host) ?? []), claim]);
        }
  const hosts = new Map<string, string[]>();
  const findings: ProjectFinding[] = [];
  for (const [host, all] of claims) {
    const [owner, ...others] = all.toSorted((a, b) => a.path.length - b.path.length);
    const rest = taken.has(host) ? all : others.filter(({ service }) => service !== owner?.service);
    if (owner !== undefined && !taken.has(host)) {
      hosts.set(owner.service.name, [...(hosts.get(owner.service.name) ?? []), host]);
      if (owner.path !== "") findings.push(pathOfRoute(host, owner));
    }
    for (const { service, worker, path } of rest)
      findings.push({
        code: "TULLE1203",
        config: worker.config,
        message: `\`${host}\` is public at another service, and \`${service.name}\` has a route of it, too${path === "" ? "" : ` (${path})`}`,
      });
  }
  return { hosts, findings };
}

/** The path that a route takes; empty where it is all. */
function pathOf(route: FoundRoute): string {
  const { path } = routeParts(route);
  return path === "/*" || route.customDomain ? "" : path === "" ? "/" : path;
}

function pathOfRoute(host: string, { worker, path }: Claim): ProjectFinding {
  return {
    code: "TULLE1202",
    config: worker.config,
    message: `its route takes \`${path}\` of \`${host}\`; as a public host it takes every path`,
  };
}

/**
 * Where nobody has a route, those whom nobody here calls are what people open: the only one gets every host, several get a
 * name of this machine each.
 */
export function openedHosts(services: readonly FoundService[]): ReadonlyMap<string, readonly string[]> {
  const entries = entrancesOf(services);
  return new Map(entries.map(({ name }) => [name, [entries.length === 1 ? "*" : `${name}.localhost`]]));
}

/** Services that nobody else here calls, and that answer on a workers.dev name. */
export function entrancesOf(services: readonly FoundService[]): readonly FoundService[] {
  const workers = services.flatMap(({ versions }) => versions.map(({ worker }) => worker));
  const called = new Set(services.flatMap(calledByIt));
  const tails = new Set(workers.flatMap(({ tails: names }) => names));
  return services.filter(({ versions }) =>
    versions.every(
      ({ worker: { name, workersDev, code, consumes, crons } }) =>
        !called.has(name) &&
        !tails.has(name) &&
        workersDev &&
        (code.answersFetch || (consumes.length === 0 && crons.length === 0)),
    ),
  );
}

/** Names of the Workers that it binds, without its own: one that binds itself is called by nobody else for that. */
function calledByIt({ versions }: FoundService): readonly string[] {
  const own = new Set(versions.map(({ worker }) => worker.name));
  return versions.flatMap(({ worker }) =>
    worker.services.map(({ service }) => service).filter((service) => !own.has(service)),
  );
}
