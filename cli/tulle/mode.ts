import { Argument, type Command } from "commander";
import { z } from "zod";
import { type MeshObject, type Rung, RUNGS, rungsOf, type RungState } from "../../src/deployment/adoption.ts";
import { ask, type Client, connect } from "./client.ts";
import { CommandError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { printStructured, printTable, type Style, tell } from "./output.ts";

const ROOT_NAMESPACE = "istio-system";

const KINDS = [
  ["PeerAuthentication", "security.istio.io/v1/peerauthentications"],
  ["AuthorizationPolicy", "security.istio.io/v1/authorizationpolicies"],
  ["VirtualService", "networking.istio.io/v1/virtualservices"],
  ["DestinationRule", "networking.istio.io/v1/destinationrules"],
  ["MeshConfig", "tulle.dev/v1alpha1/meshconfigs"],
] as const;

export function addMode(program: Command): void {
  program
    .command("mode")
    .description("on which rungs of adoption the mesh is, from observing to strict identity and policies")
    .addArgument(
      new Argument("[rung]", "to set; none can be set by this command yet, it tells what to do").choices(
        Object.keys(RUNGS),
      ),
    )
    .addHelpText(
      "after",
      "\nWhat each rung is, and the objects that make it: docs/adoption.md.\n\nExample:\n  $ tulle mode",
    )
    .action(async (rung: Rung | undefined, _: unknown, command: Command) =>
      mode(rung, command.optsWithGlobals<GlobalOptions>()),
    );
}

async function mode(rung: Rung | undefined, options: GlobalOptions): Promise<void> {
  if (rung !== undefined) throw new CommandError(`${RUNGS[rung].instead}; see docs/adoption.md#${rung}`);
  const objects = await objectsOf(connect(options));
  const rungs = rungsOf(objects, rootNamespaceOf(objects));
  if (await printStructured(options.output, { rungs: rungs.map((one) => ({ ...one, does: RUNGS[one.rung].does })) }))
    return;
  printTable(
    ["RUNG", "STATE", "WHAT IT DOES", "BY"],
    rungs.map(({ rung: name, state, by }) => [name, { text: state, style: STYLES[state] }, RUNGS[name].does, some(by)]),
  );
  tell("docs/adoption.md tells how to take the next");
}

const STYLES: Readonly<Record<RungState["state"], Style>> = {
  on: "green",
  "in part": "yellow",
  off: "dim",
  "not built": "dim",
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
      }),
      spec: z.unknown(),
    }),
  ),
});

async function objectsOf(client: Client): Promise<readonly MeshObject[]> {
  const lists = await Promise.all(
    KINDS.map(async ([kind, path]) => {
      const { value } = await ask(client, { below: "/k8s/apis", path: `/${path}` }, List);
      // What the mesh made from the mesh file is nobody's step.
      const own = value.items.filter(({ metadata: { labels } }) => labels["app.kubernetes.io/managed-by"] !== "tulle");
      return own.map(({ metadata: { name, namespace }, spec }) => ({ kind, name, namespace, spec }));
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
