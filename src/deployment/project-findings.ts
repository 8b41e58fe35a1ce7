import type { GraphService } from "./call-graph.ts";
import { type FoundWorker, publicNames } from "./found-worker.ts";
import type { Addition } from "./init-plan.ts";
import type { MeshFile, MeshFileService } from "./mesh-file.ts";
import type { ProjectFinding, ProjectFindingCode } from "./project-finding-codes.ts";

/** Arguments of RPC are duplicated, as the mesh's own forwarding of them relies on; errors keep their names and fields. */
const RPC_FLAGS = [
  { flag: "rpc_params_dup_stubs", since: "2026-01-20" },
  { flag: "enhanced_error_serialization", since: "2026-04-21" },
];

/** What is known of the folder when its Workers are looked at. */
export interface Folder {
  readonly workers: readonly FoundWorker[];
  /** The newest compatibility date that the runtime knows. */
  readonly runtimeDate: string;
}

type Check = (worker: FoundWorker, folder: Folder) => readonly (readonly [ProjectFindingCode, string])[];

/** What of these Workers passes the mesh by, or will not work in it. */
export function projectFindings(folder: Folder): readonly ProjectFinding[] {
  return folder.workers.flatMap((worker) =>
    CHECKS.flatMap((check) =>
      check(worker, folder).map(([code, message]) => ({ code, config: worker.config, message })),
    ),
  );
}

const CHECKS: readonly Check[] = [
  function date({ compatibilityDate }, { runtimeDate }) {
    if (compatibilityDate === null)
      return [["TULLE1011", `no \`compatibility_date\`; this runtime knows dates up to ${runtimeDate}`]];
    if (compatibilityDate <= runtimeDate) return [];
    return [
      ["TULLE1006", `\`compatibility_date\` is ${compatibilityDate}; this runtime knows dates up to ${runtimeDate}`],
    ];
  },
  function rpcDates(worker, { workers }) {
    return worker.services.flatMap(({ binding, service, entrypoint }) => {
      const callee = workers.find(({ name }) => name === service);
      const isRpc = worker.code.rpc.includes(binding) || (entrypoint !== undefined && entrypoint !== "default");
      if (callee === undefined || callee === worker || !isRpc) return [];
      const old = [worker, callee].filter((side) => !isNewForRpc(side));
      if (old.length === 0) return [];
      const names = old.map(({ name, compatibilityDate }) => `\`${name}\` (${compatibilityDate ?? "none"})`);
      return [["TULLE1007", `RPC by \`${binding}\`: an old compatibility date of ${names.join(" and ")}`] as const];
    });
  },
  function strangers(worker, { workers }) {
    const everywhere = [{ name: "", worker: worker.name, services: worker.services }, ...worker.environments];
    return everywhere.flatMap(({ name: environment, services }) =>
      services.flatMap(({ binding, service }) => {
        const isHere = workers.some(({ name, environments }) =>
          environment === ""
            ? name === service
            : environments.some((one) => one.worker === service) || name === service,
        );
        const where = environment === "" ? "" : ` in the environment ${environment}`;
        return isHere ? [] : [["TULLE1101", `\`${binding}\` binds \`${service}\`${where}, which is not here`] as const];
      }),
    );
  },
  function objects({ name, objects }) {
    return foreign(name, objects).map(({ binding, className, worker }) => [
      "TULLE1102",
      `\`${binding}\` is the Durable Object ${className} of \`${worker}\``,
    ]);
  },
  function queues({ name, produces }, { workers }) {
    return produces.flatMap((queue) =>
      workers
        .filter((other) => other.name !== name && other.consumes.includes(queue))
        .map((other) => ["TULLE1103", `the queue \`${queue}\` leads to \`${other.name}\``] as const),
    );
  },
  function workflows({ name, workflows }) {
    return foreign(name, workflows).map(({ binding, className, worker }) => [
      "TULLE1104",
      `\`${binding}\` is the workflow ${className} of \`${worker}\``,
    ]);
  },
  function sockets({ code }) {
    return code.connects ? [["TULLE1105", "its code uses `cloudflare:sockets`"]] : [];
  },
  function tails({ tails }) {
    return tails.map((tail) => ["TULLE1106", `its events go to \`${tail}\``]);
  },
  function dispatches({ dispatches }) {
    return dispatches.map((binding) => ["TULLE1107", `\`${binding}\` is a dispatch namespace`]);
  },
];

function isNewForRpc({ compatibilityDate, compatibilityFlags }: FoundWorker): boolean {
  return RPC_FLAGS.every(({ flag, since }) => compatibilityFlags.includes(flag) || (compatibilityDate ?? "") >= since);
}

function foreign<T extends { readonly worker: string }>(name: string, bindings: readonly T[]): readonly T[] {
  return bindings.filter(({ worker }) => worker !== name);
}

/** What the mesh file lacks of what its Workers do. */
export function meshFindings(file: MeshFile, services: readonly GraphService[]): readonly ProjectFinding[] {
  return services.flatMap((own) => {
    const settings = file.namespaces[own.namespace]?.services[own.service];
    if (settings === undefined) return [];
    return own.versions.flatMap(({ worker }) => [
      ...hostCalls(
        worker,
        settings,
        services.filter((other) => other !== own),
      ),
      ...routesPast(worker, settings),
    ]);
  });
}

function hostCalls(
  { config, code }: FoundWorker,
  { calls }: MeshFileService,
  others: readonly GraphService[],
): readonly ProjectFinding[] {
  if (calls.includes("*")) return [];
  const told = new Set(calls.map((call) => firstLabel(call.split("/").at(-1) ?? call)));
  const missing = new Set(code.hosts.map(firstLabel).filter((host) => !told.has(host)));
  return others
    .filter(({ service }) => missing.has(service))
    .map(({ service }) => ({
      code: "TULLE1108" as const,
      config,
      message: `its code fetches \`http://${service}\`, which is a name in the mesh alone`,
    }));
}

function routesPast({ config, routes }: FoundWorker, service: MeshFileService): readonly ProjectFinding[] {
  if (service.allowPublicRoutes) return [];
  const isPublic = (host: string) =>
    service.public.some(
      (open) => open === "*" || open === host || (open.startsWith("*.") && host.endsWith(open.slice(1))),
    );
  return routes
    .filter((route) => !publicNames(route).every(isPublic))
    .map(({ pattern }) => ({
      code: "TULLE1201" as const,
      config,
      message: `its own route \`${pattern}\` is of no host that is public in the mesh file`,
    }));
}

function firstLabel(host: string): string {
  return host.split(".", 1)[0] ?? host;
}

/** Of Workers that were taken together. */
export function versionFindings(additions: readonly Addition[]): readonly ProjectFinding[] {
  return [...Map.groupBy(additions, ({ service }) => service)].flatMap(([name, versions]) => {
    const [first] = versions;
    if (first === undefined || versions.length < 2) return [];
    const told = versions.map(({ version, worker }) => `\`${worker.name}\` (${version})`).join(", ");
    return [
      { code: "TULLE1010" as const, config: first.worker.config, message: `${told} are versions of \`${name}\`` },
    ];
  });
}
