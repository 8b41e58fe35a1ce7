import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { grpcCode } from "../../src/resources/fault.ts";
import { isDnsSubdomain } from "../../src/resources/names.ts";
import { Applied } from "./apply.ts";
import { ask, type Client, connect } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { DAY, readDuration, shortDuration } from "./duration.ts";
import { collected, type GlobalOptions, positiveDuration } from "./options.ts";
import { type Cell, complain, print, printStructured, printTable, tell } from "./output.ts";
import { resultLine } from "./results.ts";

type Header = readonly [name: string, value: string | null];

interface AddOptions extends GlobalOptions {
  readonly delay?: string;
  readonly abort?: string;
  readonly route?: string;
  readonly percentage?: number;
  readonly header?: readonly Header[];
  /** Milliseconds. */
  readonly for: number;
  readonly name?: string;
}

interface ListOptions extends GlobalOptions {
  readonly allNamespaces?: true;
}

interface ClearOptions extends GlobalOptions {
  readonly all?: true;
}

const DEFAULT_RUN = 15 * 60_000;
const MAX_DELAY_MS = 30_000;

const Rehearsal = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string() }),
  spec: z.object({
    targetRef: z.object({ kind: z.string(), name: z.string() }),
    route: z.string().optional(),
    headers: z.record(z.string(), z.record(z.string(), z.string())).optional(),
    percentage: z.object({ value: z.number() }).optional(),
    delay: z.object({ fixedDelay: z.string() }).optional(),
    abort: z.object({ httpStatus: z.number().optional(), grpcStatus: z.string().optional() }).optional(),
    endsAt: z.string(),
  }),
});
type Rehearsal = z.infer<typeof Rehearsal>;
const Rehearsals = z.object({ items: z.array(Rehearsal) });

export function addFault(program: Command): void {
  const fault = program.command("fault").description("rehearse faults of a service for a while: add, list, clear");
  fault
    .command("add <service>")
    .description("delay or abort calls of a service of the namespace; it ends by itself")
    .option("--delay <duration>", "hold them so long, up to 30s, as a slow service would", delay)
    .option("--abort <status>", "answer them in its place: 200 to 599, or a status of gRPC such as UNAVAILABLE", status)
    .option("--route <name>", "only what the VirtualService's rule of this name leads there")
    .option("--percentage <n>", "only so many of them, above 0 to 100 (default: all)", share)
    .option("--header <name[=value]>", "only those that have it; may be given again", collected(header))
    .addOption(
      new Option("--for <duration>", "how long it runs, 24h at most").default(DEFAULT_RUN, "15m").argParser(lasting),
    )
    .option("--name <name>", "what to call it (default: the service's, and something random)")
    .addHelpText(
      "after",
      `
It makes a FaultRehearsal (docs/rehearsals.md), whose end gateways know: it ends at its time, whoever is down.

Example:
  $ tulle fault add reviews -n shop --delay 5s --percentage 20 --for 10m
  $ tulle fault add reviews --abort 503 --route canary --header x-tester=ann`,
    )
    .action(async (service: string, _: unknown, command: Command) =>
      add(service, command.optsWithGlobals<AddOptions>()),
    );
  fault
    .command("list")
    .description("list what is rehearsed in the namespace")
    .option("-A, --all-namespaces", "in all namespaces")
    .addHelpText("after", "\nExample:\n  $ tulle fault list -n shop")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<ListOptions>()));
  fault
    .command("clear [name...]")
    .description("end rehearsals of the namespace before their time: these, or --all")
    .option("--all", "every one of the namespace")
    .addHelpText("after", "\nExample:\n  $ tulle fault clear --all -n shop")
    .action(async (names: readonly string[], _: unknown, command: Command) =>
      clear(names, command.optsWithGlobals<ClearOptions>()),
    );
}

function delay(text: string): string {
  const ms = readDuration(text);
  if (ms === null || ms < 1 || ms > MAX_DELAY_MS) throw new InvalidArgumentError("Give 1ms to 30s.");
  return text;
}

function status(text: string): string {
  const isHttp = /^[2-5]\d\d$/.test(text);
  if (!isHttp && (/^\d+$/.test(text) || grpcCode(text) === null))
    throw new InvalidArgumentError("Give a status of HTTP, 200 to 599, or one of gRPC by its name.");
  return text;
}

function share(text: string): number {
  const value = Number(text);
  if (!/^\d{1,3}(\.\d{1,4})?$/.test(text) || value <= 0 || value > 100)
    throw new InvalidArgumentError("Give a number above 0 to 100, with 4 decimals at most.");
  return value;
}

function header(text: string): Header {
  const at = text.indexOf("=");
  if (at === 0 || text === "") throw new InvalidArgumentError("Give NAME=VALUE, or NAME for any value.");
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

function lasting(text: string): number {
  const ms = positiveDuration(text);
  if (ms < 1_000 || ms > DAY) throw new InvalidArgumentError("Give 1s to 24h.");
  return ms;
}

async function add(service: string, options: AddOptions): Promise<void> {
  if (options.delay === undefined && options.abort === undefined)
    throw usageError("say what becomes of the calls: give --delay or --abort");
  if (options.delay !== undefined && options.abort !== undefined)
    throw usageError("give --delay or --abort, not both: two rehearsals make both");
  if (options.name !== undefined && !isDnsSubdomain(options.name))
    throw usageError(`\`${options.name}\` is no name; use lower-case letters, digits, \`-\` and \`.\``);
  const client = connect(options);
  const namespace = options.namespace ?? client.target.namespace;
  const { targetRef, at } = await found(client, namespace, service);
  const value = await written(client, {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "FaultRehearsal",
    metadata: { name: options.name ?? nameFor(service, options), namespace },
    spec: { targetRef, ...specOf(options), endsAt: new Date(at + options.for).toISOString() },
  });
  if (await printStructured(options.output, value)) return;
  for (const result of value.results) {
    print(resultLine(result, false));
    for (const warning of result.warnings ?? []) complain("warning", warning);
    tell(
      `it ends in ${shortDuration(options.for)}; before, by \`tulle fault clear ${result.name}${options.namespace === undefined ? "" : ` -n ${namespace}`}\``,
    );
  }
}

function specOf({ delay: held, abort, route, percentage, header: headers = [] }: AddOptions) {
  const grpc = abort !== undefined && grpcCode(abort) !== null && !/^\d+$/.test(abort);
  return {
    ...(route !== undefined && { route }),
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map(([name, value]) => [name, value === null ? {} : { exact: value }])),
    }),
    ...(percentage !== undefined && { percentage: { value: percentage } }),
    ...(held !== undefined && { delay: { fixedDelay: held } }),
    ...(abort !== undefined && { abort: grpc ? { grpcStatus: abort } : { httpStatus: Number(abort) } }),
  };
}

/** Nobody else's: a name of a service may be as long as a name gets. */
function nameFor(service: string, { delay: held }: AddOptions): string {
  const own = service.slice(0, 40).replace(/[-.]+$/, "");
  return `${own}-${held === undefined ? "abort" : "delay"}-${randomBytes(3).toString("hex")}`;
}

const SERVICES = [
  { below: "/k8s/api", path: "/v1", plural: "services", targetRef: { kind: "Service" } },
  {
    below: "/k8s/apis",
    path: "/networking.istio.io/v1",
    plural: "serviceentries",
    targetRef: { group: "networking.istio.io", kind: "ServiceEntry" },
  },
] as const;

/** What of the namespace has the name, and what time it is for control, by which the end is judged. */
async function found(client: Client, namespace: string, name: string) {
  for (const { below, path, plural, targetRef } of SERVICES) {
    const place = `${path}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;
    const call = { below, path: place } as const;
    const answer = await client.send(call);
    if (answer.status === 404) continue;
    // What else there is to say is said of it as of any call.
    const { at } = await ask({ ...client, send: async () => answer }, call, z.looseObject({}));
    return { targetRef: { ...targetRef, name }, at };
  }
  const [, own, of] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(name) ?? [];
  const mend =
    own === undefined ? "name one of its own, or another namespace with -n" : `of a host give \`${own} -n ${of}\``;
  throw new CommandError(`namespace \`${namespace}\` has no Service or ServiceEntry \`${name}\`; ${mend}`);
}

async function written(client: Client, object: object): Promise<z.infer<typeof Applied>> {
  const call = { method: "POST", path: "/apply", query: { fieldManager: "tulle-cli" } } as const;
  return (await ask(client, { ...call, body: JSON.stringify(object) }, Applied)).value;
}

function pathOf(namespace: string | null): string {
  return `/tulle.dev/v1alpha1${namespace === null ? "" : `/namespaces/${encodeURIComponent(namespace)}`}/faultrehearsals`;
}

async function list({ allNamespaces, ...options }: ListOptions): Promise<void> {
  if (allNamespaces && options.namespace !== undefined) throw usageError("give -n or --all-namespaces, not both");
  const client = connect(options);
  const namespace = allNamespaces ? null : (options.namespace ?? client.target.namespace);
  const { value, at } = await ask(client, { below: "/k8s/apis", path: pathOf(namespace) }, Rehearsals);
  if (await printStructured(options.output, { rehearsals: value.items.map(shown) })) return;
  if (value.items.length === 0)
    return tell(`nothing is rehearsed${namespace === null ? "" : ` in namespace \`${namespace}\``}`);
  printTable(
    [
      ...(namespace === null ? [{ head: "NAMESPACE", rank: 1 }] : []),
      "NAME",
      { head: "SERVICE", rank: 2, shrinks: "end" },
      { head: "FAULT", rank: 1 },
      { head: "CALLS", rank: 3, shrinks: "end" },
      "ENDS IN",
    ],
    value.items.map((rehearsal): readonly Cell[] => {
      const left = Date.parse(rehearsal.spec.endsAt) - at;
      return [
        ...(namespace === null ? [rehearsal.metadata.namespace] : []),
        rehearsal.metadata.name,
        rehearsal.spec.targetRef.name,
        faultOf(rehearsal),
        callsOf(rehearsal),
        left > 0 ? shortDuration(Math.max(left, 1_000)) : { text: "ended", style: "dim" },
      ];
    }),
  );
}

function shown({ metadata, spec }: Rehearsal) {
  return { namespace: metadata.namespace, name: metadata.name, ...spec };
}

function faultOf({ spec: { delay: held, abort } }: Rehearsal): string {
  return held === undefined ? `abort ${abort?.grpcStatus ?? abort?.httpStatus ?? ""}` : `delay ${held.fixedDelay}`;
}

function callsOf({ spec: { route, percentage, headers = {} } }: Rehearsal): string {
  const parts = [
    ...(percentage === undefined ? [] : [`${percentage.value}%`]),
    ...(route === undefined ? [] : [`route ${route}`]),
    ...Object.entries(headers).map(([name, match]) => [name, ...Object.values(match)].join("=")),
  ];
  return parts.length === 0 ? "all" : parts.join(", ");
}

async function clear(names: readonly string[], { all, ...options }: ClearOptions): Promise<void> {
  if (names.length > 0 === (all === true)) throw usageError("name the rehearsals to end, or give --all");
  const client = connect(options);
  const path = pathOf(options.namespace ?? client.target.namespace);
  const listed = all ? (await ask(client, { below: "/k8s/apis", path }, Rehearsals)).value.items : [];
  const meant = all ? listed.map(({ metadata }) => metadata.name) : names;
  const cleared: string[] = [];
  let missed = async (): Promise<unknown> => null;
  for (const name of meant) {
    const call = { method: "DELETE", below: "/k8s/apis", path: `${path}/${encodeURIComponent(name)}` } as const;
    const answer = await client.send(call);
    const told = async () => ask({ ...client, send: async () => answer }, call, z.looseObject({}));
    if (answer.status !== 404) {
      await told();
      cleared.push(name);
      // Of all that there are it ended meanwhile; of those that are named it is said, once the others are cleared.
    } else if (!all) missed = told;
  }
  if (!(await printStructured(options.output, { cleared }))) {
    for (const name of cleared) print(`faultrehearsal.tulle.dev/${name} cleared`);
    if (all && cleared.length === 0) tell("nothing is rehearsed");
  }
  await missed();
}
