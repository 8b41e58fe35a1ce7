import { join } from "node:path";
import { ROOT } from "../project/built.ts";
import { NO_CALLS, writeEntry } from "../project/generated-entry.ts";
import type { MeshWorker } from "../src/deployment/topology.ts";
import type { PlainProject } from "./examples.ts";
import type { Layout } from "./layout.ts";
import { COMPATIBILITY_DATE } from "./miniflare-workers.ts";
import type { PlainWorker } from "./plain-worker.ts";
import { StartError } from "./start-error.ts";
import { moduleFrom } from "./workers.ts";

export interface ServicesOptions {
  readonly examples: readonly PlainProject[];
  /** A socket of its own for each service, and the `anonymous` one: for tests. */
  readonly servicePorts: boolean;
  /** The services' mesh bindings lead nowhere: for tests. */
  readonly unmeshed: boolean;
}

type Worker = Pick<MeshWorker, "name" | "sidecar" | "bindings">;

/** A caller whose binding carries no props. */
const ANONYMOUS: { readonly worker: Worker; readonly source: PlainWorker } = {
  worker: {
    name: "anonymous",
    sidecar: { hosts: {}, rest: "MESH" },
    bindings: [{ binding: "MESH", gateway: "", props: {} }],
  },
  source: {
    name: "anonymous",
    main: join(ROOT, "examples/article/echo-service/index.ts"),
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: [],
    vars: { SERVICE: "anonymous", VERSION: "v1" },
    services: [],
  },
};

/**
 * The Workers of the examples as Miniflare takes them.
 *
 * @param gateway takes the place of the gateways that their mesh files name
 */
export async function serviceWorkers(
  layout: Layout,
  { examples, servicePorts, unmeshed }: ServicesOptions,
  gateway: string,
) {
  const services = [...examples.flatMap(({ workers }) => workers), ...(servicePorts ? [ANONYMOUS] : [])];
  refuseSameNames(services);
  const toGateway = ({ props }: Worker["bindings"][number]) =>
    unmeshed
      ? async () => Promise.reject(new Error("this mesh binding leads nowhere"))
      : { name: gateway, entrypoint: "MeshEntrypoint", props: { ...props } };
  return Promise.all(
    services.map(async ({ worker, source }, index) => ({
      name: worker.name,
      modules: await moduleFrom(entryOf(layout, worker, source)),
      compatibilityDate: source.compatibilityDate,
      compatibilityFlags: [...source.compatibilityFlags],
      bindings: { ...source.vars },
      serviceBindings: {
        ...Object.fromEntries(source.services.map((own) => [own.binding, directly(own, services)])),
        ...Object.fromEntries(worker.bindings.map((binding) => [binding.binding, toGateway(binding)])),
      },
      ...(servicePorts && { unsafeDirectSockets: [{ host: "127.0.0.1", port: layout.ports.service(index) }] }),
    })),
  );
}

/** What the gateways bind to call them: `EP_…`. */
export function endpointBindings(examples: readonly PlainProject[]) {
  return Object.fromEntries(
    examples
      .flatMap(({ topology }) => topology.gateways.flatMap(({ endpoints }) => endpoints))
      .map(({ binding, worker, ...more }) => [binding, { name: worker, ...more }]),
  );
}

function refuseSameNames(services: readonly { readonly worker: Worker }[]): void {
  const names = new Set<string>();
  for (const { worker } of services) {
    if (names.has(worker.name)) throw new StartError(`two of the examples have a Worker \`${worker.name}\``);
    names.add(worker.name);
  }
}

function directly(
  { service, entrypoint, props }: PlainWorker["services"][number],
  services: readonly { readonly worker: Worker }[],
) {
  if (!services.some(({ worker }) => worker.name === service))
    throw new StartError(`an example binds the Worker \`${service}\`, which is not there`);
  return { name: service, ...(entrypoint !== undefined && { entrypoint }), ...(props !== undefined && { props }) };
}

/** @returns the path of its module, or of the entry that comes before it */
function entryOf({ entries }: Layout, { name, sidecar, bindings }: Worker, { main }: PlainWorker): string {
  return bindings.length === 0 ? main : writeEntry(join(entries, name), main, sidecar ?? NO_CALLS, bindings);
}
