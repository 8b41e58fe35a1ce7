import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { ask, connect } from "./client.ts";
import { collect, type GlobalOptions } from "./options.ts";
import { print, printFacts, printStructured, printTable, tell } from "./output.ts";

interface DecideOptions extends GlobalOptions {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly rpc?: string;
  readonly header?: readonly string[];
  readonly check?: readonly string[];
  readonly as?: string;
  readonly scope?: string;
}

const Change = z.looseObject({ op: z.string(), name: z.string(), value: z.string().optional() });
type Change = z.infer<typeof Change>;

const Decided = z.looseObject({
  generation: z.number(),
  scope: z.string(),
  host: z.string(),
  decision: z.looseObject({
    effect: z.enum(["answer", "forward"]),
    code: z.string().optional(),
    status: z.number().optional(),
    policy: z.string().nullish(),
    route: z.string().nullish(),
    cluster: z.string().nullish(),
    path: z.string().optional(),
    delayMs: z.number().optional(),
    timeoutMs: z.number().nullish(),
    idleTimeoutMs: z.number().nullish(),
    retries: z
      .looseObject({
        attempts: z.number(),
        perTryTimeoutMs: z.number().optional(),
        on: z.array(z.string()),
        statusCodes: z.array(z.number()),
      })
      .nullish(),
    request: z.array(Change).optional(),
    response: z.array(Change).optional(),
    mirrors: z.array(z.object({ cluster: z.string(), refused: z.string().nullable() })).optional(),
  }),
  trace: z.array(z.object({ stage: z.string(), name: z.string(), outcome: z.string() })),
  endpoints: z.array(z.object({ endpoint: z.string(), workload: z.string() })),
});
type Decided = z.infer<typeof Decided>;

export function addDecide(program: Command): void {
  program
    .command("decide")
    .description("what would become of a request: nothing is sent, nothing is counted")
    .requiredOption(
      "--host <host>",
      "what is called, with its port where it has one; short names are known to callers of the mesh",
    )
    .option("--path <path>", "as sent, with the query", "/")
    .option("--method <method>", "as sent", "GET")
    .addOption(
      new Option("--rpc <method>", "a call of Workers RPC, METHOD or ENTRYPOINT/METHOD; in place of a request")
        .argParser(rpcPath)
        .conflicts(["path", "method", "header"]),
    )
    .option("--header <line>", "a header, `name: value`; may be given again", headerLine)
    .option(
      "--check <answer>",
      "what an external authorizer answers, `PROVIDER=STATUS`, or `PROVIDER=error` where it cannot be asked; may be given again",
      checkAnswer,
    )
    .option("--as <caller>", "who calls: NAMESPACE/SERVICE_ACCOUNT of cluster.local, or a SPIFFE ID", principalOf)
    .option(
      "--scope <scope>",
      "where the host is looked up: gw/NAMESPACE/NAME/PORT, gw/*, mesh/NAMESPACE, mesh/NAMESPACE/ACCOUNT, mesh/* (default: the caller's)",
    )
    .addHelpText(
      "after",
      "\nExample:\n  $ tulle decide --host reviews.default.svc.cluster.local:9080 --path /api --as default/web",
    )
    .action(async (_: unknown, command: Command) => decide(command.optsWithGlobals<DecideOptions>()));
}

function rpcPath(text: string): string {
  const [method, entrypoint = "default", ...more] = text.split("/").toReversed();
  if (!method || !entrypoint || more.length > 0) throw new InvalidArgumentError("Give METHOD or ENTRYPOINT/METHOD.");
  return `/${entrypoint}/${method}`;
}

function headerLine(text: string, before?: readonly string[]): readonly string[] {
  if (!/^[^\s:]+:/.test(text)) throw new InvalidArgumentError("Give `name: value`.");
  return collect(text, before);
}

const CHECK = /^(.+)=(?:(\d{3})|error)$/;

export function checkAnswer(text: string, before?: readonly string[]): readonly string[] {
  if (!CHECK.test(text)) throw new InvalidArgumentError("Give PROVIDER=STATUS or PROVIDER=error.");
  return collect(text, before);
}

export function checksOf(
  answers: readonly string[],
): readonly { readonly provider: string; readonly status?: number }[] {
  return answers.map((answer) => {
    const [, provider = "", status] = CHECK.exec(answer) ?? [];
    return { provider, ...(status !== undefined && { status: Number(status) }) };
  });
}

export function principalOf(text: string): string {
  const [namespace, account, ...more] = text.split("/");
  if (text.startsWith("spiffe://") || more.length > 0) return text;
  if (!namespace || !account) throw new InvalidArgumentError("Give NAMESPACE/SERVICE_ACCOUNT or a SPIFFE ID.");
  return `cluster.local/ns/${namespace}/sa/${account}`;
}

async function decide({ as, host, scope, check = [], ...options }: DecideOptions): Promise<void> {
  const { rpc } = options;
  const facts = {
    host,
    ...(rpc === undefined ? requestOf(options) : { protocol: "workers-rpc", method: "POST", path: rpc }),
    ...(as !== undefined && { peer: { principal: as } }),
    ...(check.length > 0 && { checks: checksOf(check) }),
  };
  const body = JSON.stringify({ ...(scope !== undefined && { scope }), facts });
  const { value } = await ask(connect(options), { method: "POST", path: "/decide", body }, Decided);
  if (await printStructured(options.output, value)) return;
  show(value);
  tellShortName(value.decision.code, value);
}

/** The view of nobody's namespace has whole names alone. */
export function tellShortName(code: string | undefined, at: { readonly scope: string; readonly host: string }): void {
  if (code === "no_route" && at.scope === "mesh/*" && /^[^.:]+$/.test(at.host))
    tell(
      `\`${at.host}\` is known by this name in its namespace: say who calls (--as NAMESPACE/ACCOUNT), or give its whole name`,
    );
}

function requestOf({ path, method, header = [] }: Pick<DecideOptions, "path" | "method" | "header">) {
  const at = path.indexOf("?");
  return {
    method,
    path: at < 0 ? path : path.slice(0, at),
    query: at < 0 ? "" : path.slice(at + 1),
    headers: headersOf(header),
  };
}

function headersOf(lines: readonly string[]): Record<string, readonly string[]> {
  const headers: Record<string, readonly string[]> = {};
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]*):(.*)$/s.exec(line) ?? [];
    headers[name.trim()] = [...(headers[name.trim()] ?? []), value.trim()];
  }
  return headers;
}

function show({ generation, scope, decision, trace, endpoints }: Decided): void {
  const { effect, code, status, policy, route, cluster, path, delayMs = 0, mirrors = [] } = decision;
  const { request = [], response = [] } = decision;
  printFacts([
    ["decision", effect === "answer" ? `${status ?? ""} ${code ?? ""}` : `forward ${path ?? ""}`],
    ...(policy ? [["policy", policy] as const] : []),
    ...(route ? [["route", route] as const] : []),
    ...(cluster ? [["cluster", cluster] as const] : []),
    ...(delayMs > 0 ? [["delay", `${delayMs} ms`] as const] : []),
    ...endpoints.map(({ endpoint, workload }) => ["endpoint", `${endpoint} (${workload})`] as const),
    ...limitsOf(decision),
    ...request.map((change) => ["request", changeLine(change)] as const),
    ...response.map((change) => ["response", changeLine(change)] as const),
    ...mirrors.map(({ cluster: to, refused }) => ["mirror", refused === null ? to : `${to} (${refused})`] as const),
    ["scope", scope],
    ["generation", String(generation)],
  ]);
  print("");
  printTable(
    ["STAGE", { head: "NAME", shrinks: "front" }, { head: "OUTCOME", shrinks: "end" }],
    trace.map(({ stage, name, outcome }) => [stage, name, outcome]),
  );
}

/** How long it may take, and what follows a failed attempt. */
function limitsOf({ timeoutMs, idleTimeoutMs, retries }: Decided["decision"]): readonly (readonly [string, string])[] {
  const { attempts = 0, on = [], statusCodes = [], perTryTimeoutMs } = retries ?? {};
  const each = perTryTimeoutMs === undefined ? "" : `, each ${perTryTimeoutMs} ms`;
  return [
    ...(timeoutMs ? [["timeout", `${timeoutMs} ms`] as const] : []),
    ...(idleTimeoutMs ? [["idle timeout", `${idleTimeoutMs} ms`] as const] : []),
    ...(attempts > 0 ? [["retries", `${attempts}${each}: ${[...on, ...statusCodes].join(", ")}`] as const] : []),
  ];
}

function changeLine({ op, name, value }: Change): string {
  return value === undefined ? `${op} ${name}` : `${op} ${name}: ${value}`;
}
