import { setTimeout } from "node:timers/promises";
import { type Command, Option } from "commander";
import { type Client, connect } from "./client.ts";
import { shortDuration } from "./duration.ts";
import { type Graph, rateOf, readGraph } from "./graph.ts";
import { positiveDuration } from "./options.ts";
import { print, printStructured, terminalWidth } from "./output.ts";
import { statLines, type TrafficOptions, withWindow } from "./traffic.ts";

interface TopOptions extends TrafficOptions {
  /** Milliseconds. */
  readonly interval: number;
}

const DEFAULT_WINDOW = 60_000;
const DEFAULT_INTERVAL = 2_000;

// The cursor home, each line to its end and what is below wiped: a screen that is wiped first would flicker.
const HOME = "\u001B[H";
const TO_LINE_END = "\u001B[K";
const BELOW = "\u001B[J";
const CLEAR = "\u001B[2J";
const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";

export function addTop(program: Command): void {
  withWindow(program.command("top"), DEFAULT_WINDOW)
    .description("the busiest workloads, live; once where it goes to no terminal")
    .addOption(
      new Option("--interval <duration>", "between two looks")
        .default(DEFAULT_INTERVAL, shortDuration(DEFAULT_INTERVAL))
        .argParser(positiveDuration),
    )
    .addHelpText("after", "\nExample:\n  $ tulle top --window 15s")
    .action(async (_: unknown, command: Command) => top(command.optsWithGlobals<TopOptions>()));
}

async function top({ window, interval, ...options }: TopOptions): Promise<void> {
  const client = connect(options);
  if (options.output !== "table" || !process.stdout.isTTY) {
    const graph = await readGraph(client, window, options.namespace);
    if (!(await printStructured(options.output, graph)))
      for (const line of linesOf(graph, terminalWidth())) print(line);
    return;
  }
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
  process.stdout.write(HIDE_CURSOR + CLEAR);
  try {
    await draw(client, { window, interval, namespace: options.namespace, ended: ended.signal });
  } finally {
    process.stdout.write(`${SHOW_CURSOR}\n`);
  }
}

interface Drawing {
  readonly window: number;
  readonly interval: number;
  readonly namespace: string | undefined;
  readonly ended: AbortSignal;
}

/** Until it is interrupted. */
async function draw(client: Client, { window, interval, namespace, ended }: Drawing): Promise<void> {
  while (!ended.aborted) {
    const graph = await readGraph(client, window, namespace);
    const { columns, rows } = process.stdout;
    const lines = linesOf(graph, columns).slice(0, rows - 1);
    process.stdout.write(HOME + lines.map((line) => `${line}${TO_LINE_END}\n`).join("") + BELOW);
    await setTimeout(interval, undefined, { signal: ended }).catch(() => undefined);
  }
}

function linesOf(graph: Graph, width: number): readonly string[] {
  const all = graph.edges.reduce((sum, { rps }) => sum + rps, 0);
  const errors = graph.edges.reduce((sum, { rps, errorRate }) => sum + rps * errorRate, 0);
  const head = `${rateOf(all)} requests/s, ${rateOf(errors)} of them failed; last ${Math.round(graph.covered)} s`;
  return [head, "", ...statLines(graph, width)];
}
