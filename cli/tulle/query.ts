import type { Command } from "commander";
import { z } from "zod";
import { ask, connect, jsonOf } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { type GlobalOptions, positiveDuration } from "./options.ts";
import { printStructured, printTable, tell } from "./output.ts";

interface QueryOptions extends GlobalOptions {
  readonly time?: string;
  /** Milliseconds back from now. */
  readonly range?: number;
  /** Milliseconds. */
  readonly step?: number;
}

const DEFAULT_STEP = 60_000;

const Metric = z.record(z.string(), z.string());
const Sample = z.tuple([z.number(), z.string()]);
const Answer = z.object({
  data: z.discriminatedUnion("resultType", [
    z.object({ resultType: z.literal("scalar"), result: Sample }),
    z.object({ resultType: z.literal("vector"), result: z.array(z.object({ metric: Metric, value: Sample })) }),
    z.object({
      resultType: z.literal("matrix"),
      result: z.array(z.object({ metric: Metric, values: z.array(Sample) })),
    }),
  ]),
});
type Data = z.infer<typeof Answer>["data"];
const Refused = z.object({ error: z.string() });

export function addQuery(program: Command): void {
  program
    .command("query")
    .description("ask for metrics of the last 24 hours, in a part of PromQL")
    .argument("<expression>", "such as 'sum(rate(istio_requests_total[5m]))'")
    .option("--time <time>", "at this moment, RFC 3339 or seconds since 1970 (default: now)")
    .option("--range <duration>", "at steps from so far back until now", positiveDuration)
    .option("--step <duration>", "between two steps of a range (default: 1m)", positiveDuration)
    .addHelpText(
      "after",
      "\nExample:\n  $ tulle query 'topk(3, sum by (destination_workload) (rate(istio_requests_total[5m])))'",
    )
    .action(async (expression: string, _: unknown, command: Command) =>
      query(expression, command.optsWithGlobals<QueryOptions>()),
    );
}

async function query(expression: string, { time, range, step, ...options }: QueryOptions): Promise<void> {
  if (range !== undefined && time !== undefined)
    throw usageError("--time is of one moment, and --range goes back from now: leave one of them out");
  if (range === undefined && step !== undefined)
    throw usageError("--step is of a --range: say how far back, as `--range 1h`");
  const now = Date.now();
  const call =
    range === undefined
      ? { path: "/query", query: { query: expression, time } }
      : {
          path: "/query_range",
          query: {
            query: expression,
            start: String((now - range) / 1_000),
            end: String(now / 1_000),
            step: String((step ?? DEFAULT_STEP) / 1_000),
          },
        };
  const { value } = await ask(connect(options), call, Answer, ({ text }) => {
    const refused = Refused.safeParse(jsonOf(text));
    return refused.success ? new CommandError(refused.data.error) : null;
  });
  if (await printStructured(options.output, value.data)) return;
  const rows = rowsOf(value.data);
  // Of one moment all rows are of the same.
  const isRange = value.data.resultType === "matrix";
  if (rows.length === 0) tell("nothing matches; metrics of a request show once its 15 s are over");
  else printTable([{ head: "SERIES", shrinks: "end" }, isRange ? "AT" : { head: "AT", rank: 1 }, "VALUE"], rows);
}

function rowsOf(data: Data): readonly (readonly string[])[] {
  switch (data.resultType) {
    case "scalar":
      return [rowOf("", data.result)];
    case "vector":
      return data.result.map(({ metric, value }) => rowOf(nameOf(metric), value));
    case "matrix":
      return data.result.flatMap(({ metric, values }) => values.map((value) => rowOf(nameOf(metric), value)));
  }
}

function rowOf(series: string, [time, value]: readonly [number, string]): readonly string[] {
  return [series, new Date(time * 1_000).toISOString().replace(/\.\d+/, ""), value];
}

/** As expressions write it. */
function nameOf({ __name__: name = "", ...labels }: Readonly<Record<string, string>>): string {
  const text = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return text.length === 0 && name !== "" ? name : `${name}{${text.join(",")}}`;
}
