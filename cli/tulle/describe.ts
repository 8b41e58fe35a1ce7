import { Argument, type Command } from "commander";
import { z } from "zod";
import { ask, connect } from "./client.ts";
import type { GlobalOptions } from "./options.ts";
import { complain, paint, print, printable, printStructured } from "./output.ts";

const KINDS = ["service", "route", "policy", "workload"];

const Described = z.looseObject({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  generation: z.number(),
  parts: z.array(
    z.looseObject({
      part: z.string(),
      value: z.string(),
      object: z.looseObject({ kind: z.string(), namespace: z.string(), name: z.string() }),
      field: z.string(),
    }),
  ),
  hidden: z.number(),
  findings: z.array(z.looseObject({ code: z.string(), severity: z.string(), field: z.string(), message: z.string() })),
  gateways: z.array(
    z.looseObject({ gateway: z.string(), generation: z.number().nullable(), have: z.number().nullable() }),
  ),
});
type Described = z.infer<typeof Described>;

export function addDescribe(program: Command): void {
  program
    .command("describe")
    .description("what holds for a service, a route, a policy or a workload, and which object says so")
    .addArgument(new Argument("<kind>", "what it is").choices(KINDS))
    .argument(
      "<name>",
      "its name: of a service also its host, of a route its VirtualService, of a workload that of the logs",
    )
    .addHelpText(
      "after",
      `
Routes and policies stand in the order in which they are looked at. Without -n it is looked for in \`default\`.

Example:
  $ tulle describe service reviews -n shop
  $ tulle describe policy deny-all -n shop -o json`,
    )
    .action(async (kind: string, name: string, _: unknown, command: Command) =>
      describe(kind, name, command.optsWithGlobals<GlobalOptions>()),
    );
}

async function describe(kind: string, name: string, options: GlobalOptions): Promise<void> {
  const { namespace = "default", output } = options;
  const path = `/describe/${kind}/${namespace}/${encodeURIComponent(name)}`;
  const { value } = await ask(connect(options), { path }, Described);
  if (!(await printStructured(output, value))) show(value);
}

function show({ kind, namespace, name, generation, parts, hidden, findings, gateways }: Described): void {
  const served = gateways.map(({ gateway, have }) => `${gateway} (${have === null ? "not seen lately" : have})`);
  print(printable(`${kind} ${namespace}/${name}, generation ${generation}`));
  print(printable(`served by ${served.length === 0 ? "no gateway" : served.join(", ")}`));
  for (const { part, value, object, field } of parts) {
    print("");
    print(printable(part));
    print(`  ${printable(value).replaceAll("\n", " ")}`);
    const at = object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
    print(`  ${paint("dim", printable(`${object.kind} ${at} ${field}`.trim()))}`);
  }
  if (hidden > 0) {
    print("");
    print(`${hidden} more that objects of other namespaces say, which this token does not read`);
  }
  for (const { code, severity, field, message } of findings)
    complain(severity === "error" ? "error" : "warning", `${code} ${field}: ${message}`);
}
