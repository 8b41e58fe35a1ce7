import { join, resolve } from "node:path";
import { ROOT } from "../project/built.ts";
import { readMeshFile } from "../project/mesh-file.ts";
import { policyFiles } from "../project/policy-files.ts";
import { meshResources } from "../src/deployment/mesh-resources.ts";
import { type MeshWorker, type Topology, topologyOf } from "../src/deployment/topology.ts";
import type { ExampleName } from "./options.ts";
import { type PlainWorker, readPlainWorker } from "./plain-worker.ts";
import { StartError } from "./start-error.ts";
import { digest } from "../project/digest.ts";

/** An example that is shown. */
export interface Example extends PlainProject, Shown {
  readonly name: ExampleName;
}

/** A folder of Workers with its mesh file, whose Workers run beside the gateways, in one runtime. */
export interface PlainProject {
  readonly topology: Topology;
  readonly workers: readonly ExampleWorker[];
  /** YAML documents to apply. */
  readonly resources: readonly string[];
}

interface ExampleWorker {
  readonly worker: MeshWorker;
  readonly source: PlainWorker;
}

/** What is told of an example when it is up. */
interface Shown {
  /** What to open in a browser, at a Gateway. */
  readonly page: { readonly gateway: string; readonly path: string } | null;
  /** A call that its policies allow to a workload with this certificate. */
  readonly call: ExampleCall;
}

export interface ExampleCall {
  readonly serviceAccount: string;
  readonly host: string;
  readonly path: string;
}

const SHOWN: Readonly<Record<ExampleName, Shown>> = {
  bookinfo: {
    page: { gateway: "default/bookinfo-gateway", path: "/productpage" },
    call: { serviceAccount: "bookinfo-productpage", host: "details:9080", path: "/details/0" },
  },
  article: {
    page: null,
    call: { serviceAccount: "order-service", host: "payment-service", path: "/api/v1/charge" },
  },
};

/** @throws StartError or ProjectError where its files are not as they should be */
export function readExample(name: ExampleName): Example {
  return { name, ...SHOWN[name], ...readPlainProject(join(ROOT, "examples", name, "tulle.jsonc")) };
}

/**
 * @param path of the mesh file
 * @throws StartError or ProjectError
 */
export function readPlainProject(path: string): PlainProject {
  const meshFile = readMeshFile(path);
  const sources = new Map<string, PlainWorker>();
  const topology = topologyOf(
    meshFile.file,
    (namespace, service, version) => {
      const { config, environment } = meshFile.file.namespaces[namespace]?.services[service]?.versions[version] ?? {};
      const source = readPlainWorker(resolve(meshFile.folder, config ?? ""), environment);
      sources.set(source.name, source);
      return source;
    },
    digest,
  );
  if (!topology.ok) throw new StartError(meshFile.explain(topology.error));
  const made = meshResources(topology.value, true).map((resource) => JSON.stringify(resource));
  return {
    topology: topology.value,
    workers: topology.value.services.flatMap(({ workers }) =>
      workers.flatMap((worker) => {
        const source = sources.get(worker.name);
        return source === undefined ? [] : [{ worker, source }];
      }),
    ),
    resources: [...made, ...policyFiles(meshFile).map(({ text }) => text)],
  };
}
