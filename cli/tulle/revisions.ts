import type { Command } from "commander";
import { z } from "zod";
import { ask, connect } from "./client.ts";
import { shortDuration } from "./duration.ts";
import { type GlobalOptions, positiveNumber, wholeNumber } from "./options.ts";
import { type Cell, print, printFacts, printStructured, printTable, type Style, tell } from "./output.ts";
import { resourceName, Result, resultLine } from "./results.ts";

interface ListOptions extends GlobalOptions {
  readonly limit: number;
  readonly before?: number;
}

interface RollbackOptions extends GlobalOptions {
  readonly dryRun?: true;
}

const DEFAULT_LIMIT = 20;

const Revision = z.object({ generation: z.number(), at: z.string(), actor: z.string(), verb: z.string() });
const Revisions = z.object({
  revisions: z.array(Revision.extend({ changes: z.number() })),
  /** The oldest generation that is kept. */
  oldest: z.number(),
});
const Change = z.object({
  type: z.string(),
  group: z.string(),
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
});
const OneRevision = Revision.extend({ changes: z.array(Change) });
const RolledBack = z.object({ generation: z.number(), results: z.array(Result) });

const STYLES: Readonly<Record<string, Style>> = { ADDED: "green", MODIFIED: "yellow", DELETED: "red" };

export function addRevisions(program: Command): void {
  const revisions = program
    .command("revisions")
    .description("what was changed, newest first: list (as without a word), show");
  revisions
    .command("list", { isDefault: true })
    .description("list revisions, newest first")
    .option("--limit <n>", "at most so many", positiveNumber, DEFAULT_LIMIT)
    .option("--before <generation>", "only older ones", wholeNumber)
    .addHelpText("after", "\nExample:\n  $ tulle revisions --limit 5")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<ListOptions>()));
  revisions
    .command("show")
    .argument("<generation>", "as `tulle revisions` lists it", wholeNumber)
    .description("tell which objects one revision changed")
    .addHelpText("after", "\nExample:\n  $ tulle revisions show 12")
    .action(async (generation: number, _: unknown, command: Command) =>
      show(generation, command.optsWithGlobals<GlobalOptions>()),
    );
}

export function addRollback(program: Command): void {
  program
    .command("rollback")
    .argument("<generation>", "as `tulle revisions` lists it", wholeNumber)
    .description("make all objects what they were at a generation, as a new one")
    .option("--dry-run", "say what would change, store nothing")
    .addHelpText("after", "\nExample:\n  $ tulle rollback 12 --dry-run")
    .action(async (generation: number, _: unknown, command: Command) =>
      rollback(generation, command.optsWithGlobals<RollbackOptions>()),
    );
}

async function list({ limit, before, ...options }: ListOptions): Promise<void> {
  const query = { limit: String(limit), before: before === undefined ? undefined : String(before) };
  const { value, at } = await ask(connect(options), { path: "/revisions", query }, Revisions);
  if (await printStructured(options.output, value)) return;
  printTable(
    ["GENERATION", "AGE", { head: "ACTOR", shrinks: "front" }, "VERB", { head: "CHANGES", rank: 1 }],
    value.revisions.map(({ generation, at: then, actor, verb, changes }) => [
      String(generation),
      shortDuration(at - Date.parse(then)),
      actor,
      verb,
      String(changes),
    ]),
  );
  const last = value.revisions.at(-1)?.generation ?? value.oldest;
  if (last > value.oldest) tell(`older ones: tulle revisions --before ${last}`);
}

async function show(generation: number, options: GlobalOptions): Promise<void> {
  const { value } = await ask(connect(options), { path: `/revisions/${generation}` }, OneRevision);
  if (await printStructured(options.output, value)) return;
  printFacts([
    ["generation", String(value.generation)],
    ["at", value.at],
    ["actor", value.actor],
    ["verb", value.verb],
  ]);
  print("");
  printTable(
    ["CHANGE", { head: "OBJECT", shrinks: "front" }, { head: "NAMESPACE", shrinks: "end" }],
    value.changes.map(({ type, group, kind, namespace, name }): readonly Cell[] => {
      const style = STYLES[type];
      const object = `${resourceName(group, kind)}/${name}`;
      return [style === undefined ? type : { text: type, style }, object, namespace === "" ? "-" : namespace];
    }),
  );
}

async function rollback(generation: number, { dryRun, ...options }: RollbackOptions): Promise<void> {
  const body = JSON.stringify({ generation });
  const query = { dryRun: dryRun && "All" };
  const { value } = await ask(connect(options), { method: "POST", path: "/rollback", query, body }, RolledBack);
  if (await printStructured(options.output, value)) return;
  const changed = value.results.filter(({ action }) => action !== "unchanged");
  for (const result of changed) print(resultLine(result, dryRun === true));
  if (dryRun) tell(`${changed.length} ${changed.length === 1 ? "object" : "objects"} would change; nothing was stored`);
  else print(`rolled back to ${generation} as generation ${value.generation}`);
}
