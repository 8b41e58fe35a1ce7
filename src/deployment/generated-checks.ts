import { canonicalJson } from "../snapshot/canonical.ts";
import type { CheckResult } from "./check-kinds.ts";
import { failing, skipped } from "./project-checks.ts";
import type { MeshService, MeshWorker, Topology } from "./topology.ts";

/** A configuration that was made for wrangler, as it stands on disk. */
export interface GeneratedFile {
  /** As messages name it. */
  readonly file: string;
  readonly name: string;
  readonly services: readonly {
    readonly binding: string;
    readonly service: string;
    readonly entrypoint?: string | undefined;
    readonly props?: unknown;
  }[];
  /** Routes, and names of workers.dev. */
  readonly waysIn: readonly string[];
}

const IDS = ["generated-props", "generated-bindings", "generated-routes"] as const;

/** Whether what was made is what the mesh file says now. */
export function generatedChecks(files: readonly GeneratedFile[], topology: Topology | null): readonly CheckResult[] {
  if (topology === null) return skipped(IDS, "the project cannot be read");
  if (files.length === 0) return skipped(IDS, "none was made yet: `tulle dev` and a deployment make them");
  const gateways = new Set(topology.gateways.map(({ name }) => name));
  const workers = new Map(
    topology.services.flatMap((service) => service.workers.map((worker) => [worker.name, { service, worker }])),
  );
  const known = files.flatMap((file) => {
    const found = workers.get(file.name);
    return found === undefined ? [] : [{ file, ...found }];
  });
  return [
    failing(
      "generated-props",
      known.flatMap(({ file, worker }) => wrongProps(file, worker, gateways)),
    ),
    failing(
      "generated-bindings",
      known.flatMap(({ file, service, worker }) => direct(file, service, worker, workers)),
    ),
    failing(
      "generated-routes",
      known.flatMap(({ file, service }) => open(file, service)),
    ),
  ];
}

function wrongProps(
  { file, services }: GeneratedFile,
  worker: MeshWorker,
  gateways: ReadonlySet<string>,
): readonly string[] {
  const wanted = new Map(worker.bindings.map((one) => [one.binding, one]));
  const wrong = services
    .filter(({ service, entrypoint }) => gateways.has(service) && entrypoint === "MeshEntrypoint")
    .flatMap(({ binding, props }) => {
      const { props: expected } = wanted.get(binding) ?? {};
      if (props === undefined) return [`${file}: \`${binding}\` has no \`props\``];
      if (expected === undefined)
        return [`${file}: \`${binding}\` leads into the mesh, and the mesh file knows nothing of it`];
      const fields = differing(props, expected);
      return fields.length === 0 ? [] : [`${file}: the \`props\` of \`${binding}\` differ in ${fields.join(", ")}`];
    });
  const there = new Set(services.map(({ binding }) => binding));
  const missing = [...wanted.keys()].filter((binding) => !there.has(binding));
  return [...wrong, ...missing.map((binding) => `${file}: the binding \`${binding}\` is not there`)];
}

function differing(props: unknown, expected: object): readonly string[] {
  const is = new Map(Object.entries(Object(props) as object));
  const be = new Map(Object.entries(expected));
  return [...new Set([...is.keys(), ...be.keys()])].filter(
    (key) => canonicalJson(is.get(key) ?? null) !== canonicalJson(be.get(key) ?? null),
  );
}

/** Bindings to Workers of other services by their own names. */
function direct(
  { file, services }: GeneratedFile,
  own: MeshService,
  { bindings }: MeshWorker,
  workers: ReadonlyMap<string, { readonly service: MeshService }>,
): readonly string[] {
  return services.flatMap(({ binding, service }) => {
    const callee = workers.get(service)?.service;
    const isPast = callee !== undefined && callee !== own;
    const ours = bindings.find((one) => one.binding === binding);
    return isPast
      ? [`${file}: \`${binding}\` binds \`${service}\` itself${ours ? `, not \`${ours.gateway}\`` : ""}`]
      : [];
  });
}

function open({ file, waysIn }: GeneratedFile, { allowsPublicRoutes }: MeshService): readonly string[] {
  return allowsPublicRoutes ? [] : waysIn.map((way) => `${file}: ${way}`);
}
