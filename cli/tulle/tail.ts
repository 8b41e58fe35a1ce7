import type { Command } from "commander";
import { z } from "zod";
import { DEFAULT_MAX_RPS } from "../../src/telemetry/tail-filter.ts";
import { connect } from "./client.ts";
import { CommandError } from "./command-error.ts";
import { type GlobalOptions, positiveNumber } from "./options.ts";
import { complain, print, printableJson, printStructured, tell, terminalWidth } from "./output.ts";
import { serverEvents } from "./server-events.ts";
import { tailLine } from "./tail-line.ts";

interface TailOptions extends GlobalOptions {
  readonly service?: string;
  readonly route?: string;
  readonly status?: string;
  readonly principal?: string;
  readonly policy?: string;
  readonly path?: string;
  readonly maxRps: number;
}

export function addTail(program: Command): void {
  program
    .command("tail")
    .description("live requests, each as it ends, until you end it")
    .option(
      "--service <name>",
      "whom they call: shop/reviews, a host, or its first labels, such as reviews or reviews.shop",
    )
    .option("--route <name>", "by which route, whole or its first parts, such as shop/reviews")
    .option("--status <list>", "with which answer, such as 404, 5xx or 4xx,503")
    .option("--principal <caller>", "who calls: NAMESPACE/SERVICE_ACCOUNT, a SPIFFE ID, or - for nobody proven")
    .option("--policy <name>", "decided by which policy, NAMESPACE/NAME")
    .option("--path <path>", "for which path, with * at its end for all that begin so")
    .option(
      "--max-rps <number>",
      "at most so many lines a second; what is more is counted",
      positiveNumber,
      DEFAULT_MAX_RPS,
    )
    .addHelpText(
      "after",
      `
With -n only requests to that namespace's workloads and from them. -o json prints a line of JSON a request, the fields
of the access log. It needs the permission \`tail\`, and each start is a row of the audit.

Example:
  $ tulle tail --service reviews --status 5xx
  $ tulle tail -n shop --status 403 -o json | jq .policy`,
    )
    .action(async (_: unknown, command: Command) => tail(command.optsWithGlobals<TailOptions>()));
}

const Note = z.looseObject({ dropped: z.number(), reasons: z.record(z.string(), z.number()) });
const Ready = z.looseObject({ all: z.boolean(), warnings: z.array(z.string()).default([]) });

async function tail(options: TailOptions): Promise<void> {
  const { service, route, status, principal, policy, path, maxRps, namespace, output } = options;
  const query = { service, route, status, principal, policy, path, namespace, maxRps: String(maxRps) };
  const stream = await connect(options).stream({ path: "/tail", query });
  const show = printer(output);
  for await (const { event, data } of serverEvents(stream)) {
    const value: unknown = JSON.parse(data);
    if (event === "line") await show(value, data);
    else if (event === "ready") begin(Ready.parse(value));
    else if (event === "note") complain("warning", leftOut(Note.parse(value)));
  }
  throw new CommandError("control ended the tail: its token may have ended, or control was started anew; run it again");
}

function begin({ all, warnings }: z.infer<typeof Ready>): void {
  for (const warning of warnings) complain("warning", warning);
  tell(
    all
      ? "ready: requests appear as they end; ^C ends this"
      : "ready, though not all gateways have said so; ^C ends this",
  );
}

function printer(output: GlobalOptions["output"]): (value: unknown, text: string) => Promise<void> {
  if (output === "json") return async (_, text) => print(printableJson(text));
  if (output === "yaml")
    return async (value) => {
      print("---");
      await printStructured("yaml", value);
    };
  return async (value) => print(tailLine(value, terminalWidth()));
}

const REASONS: Readonly<Record<string, string>> = {
  max_rps: "beyond --max-rps",
  reader_slow: "since nobody read them in time",
  on_the_way: "on the way from the gateways",
};

function leftOut({ dropped, reasons }: z.infer<typeof Note>): string {
  const told = Object.entries(reasons).map(([reason, count]) => `${count} ${REASONS[reason] ?? reason}`);
  return `${dropped} requests are not shown: ${told.join(", ")}`;
}
