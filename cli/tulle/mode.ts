import { Argument, type Command } from "commander";
import { z } from "zod";
import {
  type MeshObject,
  objectsFor,
  type Rung,
  RUNGS,
  rungsOf,
  type RungState,
  type SetRung,
} from "../../src/deployment/adoption.ts";
import { Applied, refusedAlone } from "./apply.ts";
import { ask, type Client, connect, jsonOf } from "./client.ts";
import { CommandError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { complain, print, printStructured, printTable, type Style, tell } from "./output.ts";
import { resultLine } from "./results.ts";

const ROOT_NAMESPACE = "istio-system";

const KINDS = [
  ["v1", "Namespace", "namespaces"],
  ["security.istio.io/v1", "PeerAuthentication", "peerauthentications"],
  ["security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies"],
  ["networking.istio.io/v1", "VirtualService", "virtualservices"],
  ["networking.istio.io/v1", "DestinationRule", "destinationrules"],
  ["tulle.dev/v1alpha1", "MeshConfig", "meshconfigs"],
] as const;

export function addMode(program: Command): void {
  program
    .command("mode")
    .description("on which rungs of adoption the mesh is, from observing to strict identity and policies; or takes one")
    .addArgument(
      new Argument("[rung]", "to take: observe, permissive or strict; of the others it tells what to do").choices(
        Object.keys(RUNGS),
      ),
    )
    .argument("[namespace]", "where; without it the whole mesh")
    .option("--dry-run", "check everything, store nothing: tells whom it would lock out")
    .addHelpText(
      "after",
      "\nWhat each rung is, and the objects that make it: docs/adoption.md.\n\nExample:\n  $ tulle mode\n  $ tulle mode observe shop\n  $ tulle mode strict shop --dry-run",
    )
    .action(async (rung: Rung | undefined, namespace: string | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ModeOptions>();
      await (rung === undefined ? show(options) : take(rung, namespace ?? null, options));
    });
}

interface ModeOptions extends GlobalOptions {
  readonly dryRun?: true;
}

async function show(options: ModeOptions): Promise<void> {
  const objects = await objectsOf(connect(options));
  const rungs = rungsOf(objects, rootNamespaceOf(objects));
  if (await printStructured(options.output, { rungs: rungs.map((one) => ({ ...one, does: RUNGS[one.rung].does })) }))
    return;
  printTable(
    ["RUNG", "STATE", { head: "WHAT IT DOES", rank: 1, shrinks: "end" }, { head: "BY", shrinks: "end" }],
    rungs.map(({ rung: name, state, by }) => [name, { text: state, style: STYLES[state] }, RUNGS[name].does, some(by)]),
  );
  tell("docs/adoption.md tells how to take the next");
}

async function take(rung: Rung, namespace: string | null, options: ModeOptions): Promise<void> {
  const { instead } = RUNGS[rung];
  if (instead !== null) throw new CommandError(`${instead}; see docs/adoption.md#${rung}`);
  const client = connect(options);
  const objects = await objectsOf(client);
  const written = objectsFor(rung as SetRung, namespace, objects, rootNamespaceOf(objects));
  const documents = written.map(({ apiVersion, kind, spec, namespace: of, resourceVersion, ...named }) => {
    const metadata = {
      ...named,
      ...(of !== "" && { namespace: of }),
      ...(resourceVersion !== "" && { resourceVersion }),
    };
    return { apiVersion, kind, metadata, ...(kind !== "Namespace" && { spec }) };
  });
  const { value } = await ask(
    client,
    {
      method: "POST",
      path: "/apply",
      query: { fieldManager: "tulle-cli", dryRun: options.dryRun && "All" },
      body: JSON.stringify(documents),
    },
    Applied,
    ({ status, text }) => (status === 422 ? refusedAlone(jsonOf(text)) : null),
  );
  if (await printStructured(options.output, value)) return;
  for (const result of value.results) {
    print(resultLine(result, options.dryRun === true));
    for (const warning of result.warnings ?? []) complain("warning", warning);
  }
}

const STYLES: Readonly<Record<RungState["state"], Style>> = {
  on: "green",
  "in part": "yellow",
  off: "dim",
};

function some(names: readonly string[]): string {
  return `${names.slice(0, 2).join(", ")}${names.length > 2 ? ` and ${names.length - 2} more` : ""}`;
}

const List = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({
        name: z.string(),
        namespace: z.string().default(""),
        labels: z.record(z.string(), z.string()).default({}),
        annotations: z.record(z.string(), z.string()).default({}),
        resourceVersion: z.string().default(""),
      }),
      spec: z.unknown(),
    }),
  ),
});

async function objectsOf(client: Client): Promise<readonly MeshObject[]> {
  const lists = await Promise.all(
    KINDS.map(async ([apiVersion, kind, plural]) => {
      const below = apiVersion === "v1" ? "/k8s/api" : "/k8s/apis";
      const { value } = await ask(client, { below, path: `/${apiVersion}/${plural}` }, List);
      // What the mesh made from the mesh file is nobody's step.
      const own = value.items.filter(({ metadata: { labels } }) => labels["app.kubernetes.io/managed-by"] !== "tulle");
      return own.map(({ metadata: { name, namespace, labels, annotations, resourceVersion }, spec }) => {
        const known = { name, namespace, labels, annotations, resourceVersion };
        return { ...known, apiVersion, kind, spec };
      });
    }),
  );
  return lists.flat();
}

function rootNamespaceOf(objects: readonly MeshObject[]): string {
  const { rootNamespace } = Object(objects.find(({ kind }) => kind === "MeshConfig")?.spec) as {
    readonly rootNamespace?: string;
  };
  return rootNamespace ?? ROOT_NAMESPACE;
}
