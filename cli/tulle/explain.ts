import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { z } from "zod";
import { ExplainedRequest } from "../../src/api/explain-bodies.ts";
import { ask, type Client, connect } from "./client.ts";
import { usageError } from "./command-error.ts";
import { type CurlRequest, readCurl } from "./curl-line.ts";
import { checkAnswer, checksOf, principalOf, tellShortName } from "./decide.ts";
import { collect, type GlobalOptions, positiveNumber, wholeNumber } from "./options.ts";
import {
  foldedLines,
  paint,
  print,
  printable,
  printFacts,
  printFolded,
  printStructured,
  type Style,
  terminalWidth,
} from "./output.ts";
import { type PastedId, pastedId } from "./pasted-id.ts";
import type { Placed } from "./stored-places.ts";
import { whyUnread } from "./target.ts";

interface ExplainOptions extends GlobalOptions {
  readonly as?: string;
  readonly jwt?: readonly string[];
  readonly at?: number;
  readonly hop?: number;
  readonly scope?: string;
  readonly check?: readonly string[];
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
}

type Explained = z.infer<typeof ExplainedRequest>;
type Stage = Explained["stages"][number] & { readonly place?: Placed };

export function addExplain(program: Command): void {
  program
    .command("explain")
    .description("why a request was answered as it was, or would be: each stage, by the code that decides")
    .argument(
      "[what...]",
      "a request id, a trace id, a line of the log that has one, or after `--` a curl command line",
    )
    .option("--as <caller>", "who calls: NAMESPACE/SERVICE_ACCOUNT of cluster.local, or a SPIFFE ID", principalOf)
    .addOption(
      new Option("--jwt <token>", "a token that comes with it, or `@FILE`; may be given again").argParser(token),
    )
    .option("--at <generation>", "by an earlier generation of the configuration (default: the newest)", positiveNumber)
    .option("--hop <number>", "which of several hops of a recorded request, from 0", wholeNumber)
    .option(
      "--scope <scope>",
      "where the host is looked up, as of `tulle decide` (default: of a Gateway, unless --as or the host says the mesh)",
    )
    .option(
      "--check <answer>",
      "what an external authorizer answers, `PROVIDER=STATUS`, or `PROVIDER=error`; may be given again",
      checkAnswer,
    )
    .option("-f, --filename <file>", "files that the objects may stand in: then their lines are told", collect)
    .option("-R, --recursive", "look into folders of folders, too")
    .addHelpText(
      "after",
      "\nExample:\n  $ tulle explain 6f1c6c1e-7d0a-4a53-9f3c-0a5d0c8f1c11\n  $ tulle explain --as default/web -- curl -X DELETE http://reviews:9080/reviews/1",
    )
    .action(async (what: readonly string[], _: unknown, command: Command) =>
      explain(what, command.optsWithGlobals<ExplainOptions>()),
    );
}

function token(text: string, before: readonly string[] = []): readonly string[] {
  if (!text.startsWith("@")) return [...before, text];
  try {
    return [...before, readFileSync(text.slice(1), "utf8").trim()];
  } catch (error) {
    throw new InvalidArgumentError(whyUnread(text.slice(1), error));
  }
}

async function explain(what: readonly string[], options: ExplainOptions): Promise<void> {
  const client = connect(options);
  if (what.join("").trim() === "")
    throw usageError("say what: a request id, a trace id, or a curl line after `--`: `tulle explain -- curl http://…`");
  const id = pastedId(what);
  const { value } = await (id === null ? invented(client, readCurl(what), options) : asked(client, id, options));
  const { filename = [], recursive = false } = options;
  const stages: readonly Stage[] =
    filename.length === 0
      ? value.stages
      : await (await import("./stored-places.ts")).placesIn(client, value.stages, filename, recursive);
  const told = { ...value, stages };
  if (await printStructured(options.output, told)) return;
  show(told, options.as);
  tellShortName(value.verdict.code, value);
}

async function asked(client: Client, id: PastedId, { as, jwt, at, scope, check, hop }: ExplainOptions) {
  if ([as, jwt, at, scope, check].some((option) => option !== undefined))
    throw usageError("--as, --jwt, --at, --scope and --check say what nobody sent: a record has its own");
  const query = { ...id, ...(hop !== undefined && { hop: String(hop) }) };
  return ask(client, { path: "/explain", query }, ExplainedRequest);
}

async function invented(client: Client, request: CurlRequest, options: ExplainOptions) {
  const { as, jwt, at, scope: wanted, check = [], hop } = options;
  if (hop !== undefined)
    throw usageError(
      "--hop is of a request that was recorded: leave it out, or give a trace id in place of the curl line",
    );
  const { host, authority, scope } = whither(request, wanted, as !== undefined);
  const { host: _, "cf-connecting-ip": clientIp, ...headers } = request.headers;
  const facts = {
    method: request.method,
    scheme: request.scheme,
    host,
    ...(authority !== undefined && { authority }),
    path: request.path,
    query: request.query,
    headers,
    ...(clientIp?.[0] !== undefined && { clientIp: clientIp[0] }),
    ...(check.length > 0 && { checks: checksOf(check) }),
  };
  const body = JSON.stringify({
    facts,
    ...(scope !== undefined && { scope }),
    ...(as !== undefined && { as }),
    ...(jwt && { jwt }),
    ...(at !== undefined && { at }),
  });
  return ask(client, { method: "POST", path: "/explain", body }, ExplainedRequest);
}

/** Names that only callers of the mesh use. */
const OF_MESH = /^[^.:]+(:\d+)?$|\.svc(:\d+)?$|\.svc\.|\.local(:\d+)?$/;

/** At a Gateway the Host says the host; in the mesh the URL does, and the Host is matched by rules alone. */
function whither(
  { host, headers }: CurlRequest,
  wanted: string | undefined,
  isCaller: boolean,
): { readonly host: string; readonly authority?: string; readonly scope?: string } {
  const [named] = headers["host"] ?? [];
  const inMesh = wanted === undefined ? isCaller || OF_MESH.test(host) : wanted.startsWith("mesh/");
  if (inMesh)
    return { host, ...(named !== undefined && { authority: named }), ...(wanted !== undefined && { scope: wanted }) };
  return { host: (named ?? host).replace(/:\d+$/, ""), scope: wanted ?? "gw/*" };
}

/** @param as who was said to call */
function show(explained: Omit<Explained, "stages"> & { readonly stages: readonly Stage[] }, as?: string): void {
  const { verdict, request, record, stages, endpoints, hops, scope, host, generation } = explained;
  const { code, status, policy, route, cluster } = verdict;
  printFacts([
    ["verdict", status === null ? code : `${status} ${code}`],
    ...(policy ? [["policy", policy] as const] : []),
    ...(route ? [["route", route] as const] : []),
    ...(cluster ? [["cluster", cluster] as const] : []),
    ...(request ? [["path", `${request.method} ${request.path}`] as const] : []),
    ...callerFacts(request, as),
    ["host", `${host} (${scope})`],
    ["generation", String(generation)],
    ...endpoints.map(({ endpoint, workload }) => ["endpoint", `${endpoint} (${workload})`] as const),
    ...(record ? recordFacts(record) : []),
  ]);
  for (const [at, stage] of stages.entries()) showStage(at + 1, stage);
  if (hops.length > 1) {
    print("\nHops:");
    for (const [at, hop] of hops.entries())
      print(printable(`  ${at}  ${hop.at}  ${hop.host}  ${hop.status} ${hop.code}  (${hop.gateway})`));
  }
}

/** Of a request that came to nothing, nobody looked who calls. */
function callerFacts(request: Explained["request"], as: string | undefined): readonly (readonly [string, string])[] {
  if (request !== null) return [["caller", request.principal ?? "not proven"]];
  return as === undefined ? [] : [["caller", `${as}, not looked at: the request comes to no service`]];
}

function recordFacts(record: NonNullable<Explained["record"]>): readonly (readonly [string, string])[] {
  const { at, gateway, location, weight, status, details, endpoint, durationMs, agrees, code } = record;
  const calls = weight > 1 ? `, for about ${Math.round(weight)} calls` : "";
  return [
    ["recorded", `${at} at ${location} by ${gateway}${calls}`],
    ["answered", `${status} ${details}${endpoint === null ? "" : ` by ${endpoint}`}, ${durationMs} ms`],
    ...(agrees === false ? [["but then", `the gateway said ${code}`] as const] : []),
  ];
}

const STYLES: Readonly<Record<Stage["outcome"], Style>> = {
  passed: "green",
  matched: "green",
  refused: "red",
  missed: "dim",
  told: "yellow",
  unknown: "yellow",
};

function showStage(
  number: number,
  { stage, at, outcome, detail, object, field, revision, place, compared }: Stage,
): void {
  const told = `${number}. ${stage}${at === null ? "" : ` (${at})`} ${outcome}: ${printable(detail)}`;
  const [head = "", ...more] = foldedLines(told, 3, terminalWidth());
  print(`\n${[head.replace(`${outcome}:`, `${paint(STYLES[outcome], outcome)}:`), ...more].join("\n")}`);
  if (object !== null) {
    const name = object.namespace === "" ? object.name : `${object.namespace}/${object.name}`;
    printFolded(printable(`   ${object.kind} ${name}${field === null ? "" : `, ${field}`}`), 5);
    if (revision !== null)
      printFolded(printable(`   since generation ${revision.generation}, ${revision.at}, by ${revision.actor}`), 5);
    if (place !== undefined) print(printable(`   ${place.file}:${place.line}`));
  }
  for (const one of compared) printFolded(`   ${comparedLine(one)}`, 5);
}

function comparedLine({ field, of, actual, wanted, holds }: Stage["compared"][number]): string {
  const isNot = /(^|\.)not[A-Z]\w*$/.test(field);
  const has = actual === null ? "nothing" : `\`${actual}\``;
  const mark = holds === null ? "?" : holds ? "+" : "-";
  return printable(
    `${mark} ${of}: ${has}, wanted ${isNot ? "none of " : ""}${wanted.map((text) => `\`${text}\``).join(", ")}`,
  );
}
