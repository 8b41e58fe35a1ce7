import { type Command, Option } from "commander";
import { connect } from "./client.ts";
import {
  DEFAULT_WINDOW,
  flagsOf,
  type Graph,
  nameOf,
  percentOf,
  rateOf,
  readGraph,
  successOf,
  timeOf,
  windowOf,
} from "./graph.ts";
import { shortDuration } from "./duration.ts";
import type { GlobalOptions } from "./options.ts";
import { type Column, fittingLines, print, printStructured, tell, terminalWidth } from "./output.ts";

export interface TrafficOptions extends GlobalOptions {
  /** Milliseconds. */
  readonly window: number;
}

export function addStat(program: Command): void {
  withWindow(program.command("stat"))
    .description("what reaches each workload: requests a second, success, times")
    .addHelpText("after", "\nExample:\n  $ tulle stat -n default --window 1h")
    .action(async (_: unknown, command: Command) => show(command, statLines));
}

export function addEdges(program: Command): void {
  withWindow(program.command("edges"))
    .description("who calls whom, and whether their identities are proven")
    .addHelpText("after", "\nExample:\n  $ tulle edges")
    .action(async (_: unknown, command: Command) => show(command, edgeLines));
}

export function withWindow(command: Command, standard = DEFAULT_WINDOW): Command {
  return command.addOption(
    new Option("--window <duration>", "of so long, 15s to 24h")
      .default(standard, shortDuration(standard))
      .argParser(windowOf),
  );
}

async function show(command: Command, lines: (graph: Graph, width: number) => readonly string[]): Promise<void> {
  const options = command.optsWithGlobals<TrafficOptions>();
  const graph = await readGraph(connect(options), options.window, options.namespace);
  if (await printStructured(options.output, graph)) return;
  for (const line of lines(graph, terminalWidth())) print(line);
  tellWindow(graph);
}

function tellWindow({ edges, window, covered }: Graph): void {
  if (edges.length === 0) tell("no requests were counted in this time; what is sent now shows in about 2 s");
  else if (covered < window - 1) tell(`the history covers ${shortDuration(covered * 1_000)} of it`);
}

/** What reaches each workload, the busiest first. */
export function statLines({ nodes }: Graph, width: number): readonly string[] {
  const rows = nodes.flatMap((node) => (node.inbound === null ? [] : [{ name: nameOf(node), of: node.inbound }]));
  const sorted = rows.toSorted((one, other) => other.of.requests - one.of.requests);
  return fittingLines(
    [
      { head: "WORKLOAD", shrinks: "front", cells: sorted.map(({ name }) => name) },
      { head: "RPS", cells: sorted.map(({ of }) => rateOf(of.rps)) },
      { head: "SUCCESS", cells: sorted.map(({ of }) => successOf(of)) },
      { head: "4XX", rank: 2, cells: sorted.map(({ of }) => percentOf(of.refusedRate)) },
      { head: "P50", rank: 3, cells: sorted.map(({ of }) => timeOf(of.p50)) },
      { head: "P95", rank: 4, cells: sorted.map(({ of }) => timeOf(of.p95)) },
      { head: "P99", rank: 1, cells: sorted.map(({ of }) => timeOf(of.p99)) },
      { head: "MTLS", rank: 5, cells: sorted.map(({ of }) => percentOf(of.mtls)) },
    ],
    width,
  );
}

function edgeLines({ nodes, edges }: Graph, width: number): readonly string[] {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const column = (
    head: string,
    rank: number,
    cell: (edge: Graph["edges"][number]) => Column["cells"][number],
  ): Column => ({
    head,
    rank,
    cells: edges.map(cell),
  });
  return fittingLines(
    [
      { head: "FROM", shrinks: "front", cells: edges.map(({ from }) => names.get(from) ?? from) },
      { head: "TO", shrinks: "front", cells: edges.map(({ to }) => names.get(to) ?? to) },
      column("RPS", 0, ({ rps }) => rateOf(rps)),
      column("SUCCESS", 0, successOf),
      column("P50", 3, ({ p50 }) => timeOf(p50)),
      column("P95", 4, ({ p95 }) => timeOf(p95)),
      column("P99", 1, ({ p99 }) => timeOf(p99)),
      column("MTLS", 2, ({ mtls }) => percentOf(mtls)),
      column("FLAGS", 5, flagsOf),
    ],
    width,
  );
}
