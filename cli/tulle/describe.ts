import { Argument, type Command } from "commander";
import { z } from "zod";
import { isDnsLabel } from "../../src/resources/names.ts";
import { type Answer, ask, type Client, connect } from "./client.ts";
import { usageError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { complain, paint, print, printable, printFolded, printStructured } from "./output.ts";

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
  findings: z.array(
    z.looseObject({
      code: z.string(),
      severity: z.enum(["error", "warning", "info"]),
      field: z.string(),
      message: z.string(),
    }),
  ),
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
      "NAME or NAMESPACE/NAME: of a service also NAME.NAMESPACE or its host, of a route its VirtualService, of a workload that of the logs",
    )
    .addHelpText(
      "after",
      `
Routes and policies stand in the order in which they are looked at. Without -n it is looked for in \`default\`.

Example:
  $ tulle describe service shop/reviews
  $ tulle describe policy deny-all -n shop -o json`,
    )
    .action(async (kind: string, name: string, _: unknown, command: Command) =>
      describe(kind, name, command.optsWithGlobals<GlobalOptions>()),
    );
}

async function describe(kind: string, name: string, options: GlobalOptions): Promise<void> {
  const value = await found(connect(options), kind, placesOf(kind, name, options.namespace));
  if (!(await printStructured(options.output, value))) show(value);
}

interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** Where a name may mean something, in the order in which it is looked for: `shop/reviews`; of a service also `reviews.shop`. */
function placesOf(kind: string, text: string, option: string | undefined): readonly Place[] {
  const [first = "", name, ...more] = text.split("/");
  if (name !== undefined) {
    // A route's name in the log has the rule behind it.
    if (!isDnsLabel(first) || name === "" || (more.length > 0 && kind !== "route"))
      throw usageError(`\`${text}\` names nothing: give NAME, or NAMESPACE/NAME`);
    if (option !== undefined && option !== first)
      throw usageError(`\`${text}\` is of namespace \`${first}\`, and -n says \`${option}\`: leave one of them out`);
    return [{ namespace: first, name }];
  }
  const asGiven = { namespace: option ?? "default", name: text };
  const [, short = "", namespace] = (kind === "service" && SHORT_HOST.exec(text)) || [];
  return namespace === undefined ? [asGiven] : [asGiven, { namespace, name: short }];
}

/** `reviews.shop`, `reviews.shop.svc.cluster.local`: also a ServiceEntry's host may look so. */
const SHORT_HOST = /^([a-z0-9][-a-z0-9]*)\.([a-z0-9][-a-z0-9]*)(?:\.svc(?:\..+)?)?$/;

/** At the first of the places that has it. */
async function found(client: Client, kind: string, places: readonly Place[]): Promise<Described> {
  for (const [at, { namespace, name }] of places.entries()) {
    let status = 0;
    const path = `/describe/${kind}/${namespace}/${encodeURIComponent(name)}`;
    const noted = (answer: Answer): null => {
      ({ status } = answer);
      return null;
    };
    try {
      return (await ask(client, { path }, Described, noted)).value;
    } catch (error) {
      if (status !== 404 || at === places.length - 1) throw error;
    }
  }
  throw new Error("there is no place to look at");
}

function show({ kind, namespace, name, generation, parts, hidden, findings, gateways }: Described): void {
  const served = gateways.map(({ gateway, have }) => `${gateway} (${have === null ? "not seen lately" : have})`);
  print(printable(`${kind} ${namespace}/${name}, generation ${generation}`));
  print(printable(`served by ${served.length === 0 ? "no gateway" : served.join(", ")}`));
  for (const { part, value, object, field } of parts) {
    print("");
    print(printable(part));
    printFolded(`  ${printable(value).replaceAll("\n", " ")}`, 4);
    const at = object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
    print(`  ${paint("dim", printable(`${object.kind} ${at} ${field}`.trim()))}`);
  }
  if (hidden > 0) {
    print("");
    print(`${hidden} more that objects of other namespaces say, which this token does not read`);
  }
  for (const { code, severity, field, message } of findings) complain(severity, `${code} ${field}: ${message}`);
}
