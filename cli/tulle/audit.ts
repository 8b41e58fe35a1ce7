import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { exportAudit } from "./audit-export.ts";
import { ask, type Client, connect } from "./client.ts";
import { CommandError } from "./command-error.ts";
import { type GlobalOptions, positiveDuration, positiveNumber, wholeNumber } from "./options.ts";
import { print, printStructured, printTable, tell } from "./output.ts";

interface AuditOptions extends GlobalOptions {
  readonly limit: number;
  readonly before?: number;
  readonly actor?: string;
  readonly verb?: string;
  readonly target?: string;
  /** Milliseconds before now. */
  readonly since?: number;
  readonly verify?: true;
  readonly export?: true;
  /** The row that had been seen before. */
  readonly acceptRestore?: number;
  readonly reason?: string;
}

const DEFAULT_LIMIT = 20;
/** Of one answer. */
const MAX_LIMIT = 1_000;

const Entry = z.object({
  id: z.number(),
  /** Epoch ms. */
  at: z.number(),
  actor: z.string(),
  verb: z.string(),
  targets: z.unknown(),
  account: z.string().nullable(),
  detail: z.unknown(),
});
const Entries = z.object({ entries: z.array(Entry.loose()), next: z.number().nullable() });

const Head = z.object({ id: z.number(), hash: z.string() });
const Break = z.object({
  at: z.number(),
  seen: Head,
  found: Head.nullable(),
  kept: Head.nullable().default(null),
  accepted: Head.nullable().default(null),
});
const Verified = z.object({
  checked: z.number(),
  last: Head.nullable(),
  broken: z.object({ id: z.number(), problem: z.string() }).nullable(),
  breaks: z.array(Break),
  next: z.number().nullable(),
});

export function addAudit(program: Command): void {
  program
    .command("audit")
    .description("who did what, newest first, and whether that record is whole")
    .option("--limit <n>", "at most so many", limit, DEFAULT_LIMIT)
    .option("--before <id>", "only older ones", wholeNumber)
    .option("--actor <name>", "only what this one did")
    .option("--verb <verb>", "only this, such as create-token or apply")
    .option("--target <target>", "only what was done to this, such as token/ID")
    .option("--since <duration>", "only so far back", positiveDuration)
    .addOption(
      new Option("--verify", "work the chain of hashes out again, from the first row to the last").conflicts([
        "before",
        "actor",
        "verb",
        "target",
        "since",
      ]),
    )
    .addOption(
      new Option("--export", "all rows, oldest first, as lines of JSON, and at last the head of their chain").conflicts(
        ["before", "actor", "verb", "target", "since", "verify"],
      ),
    )
    .addOption(
      new Option(
        "--accept-restore <row>",
        "say that the database was restored, where --verify tells that this row was seen before",
      )
        .argParser(wholeNumber)
        .conflicts(["before", "actor", "verb", "target", "since", "verify", "export"]),
    )
    .option("--reason <text>", "with --accept-restore: for the audit")
    .addHelpText(
      "after",
      `
A restore is a row of the audit, too: the chain goes on from what was restored, and what is done to it afterwards shows as before.

Example:
  $ tulle audit --verb create-token --since 7d
  $ tulle audit --verify
  $ tulle audit --accept-restore 812 --reason "database back to 12:00"
  $ tulle audit --export > audit.ndjson`,
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<AuditOptions>();
      if (options.acceptRestore !== undefined) return acceptRestore(options.acceptRestore, options);
      if (options.reason !== undefined)
        throw new CommandError("--reason is that of a restore: give --accept-restore and the row, or leave it out");
      if (options.export) return exportAudit(connect(options));
      return options.verify ? verify(options) : list(options);
    });
}

function limit(text: string): number {
  const value = positiveNumber(text);
  if (value > MAX_LIMIT) throw new InvalidArgumentError(`Give at most ${MAX_LIMIT}.`);
  return value;
}

async function list({ limit: size, before, actor, verb, target, since, ...options }: AuditOptions): Promise<void> {
  const query = {
    limit: String(size),
    before: before === undefined ? undefined : String(before),
    actor,
    verb,
    target,
    from: since === undefined ? undefined : new Date(Date.now() - since).toISOString(),
  };
  const { value } = await ask(connect(options), { path: "/audit", query }, Entries);
  if (await printStructured(options.output, value)) return;
  printTable(
    [
      "ID",
      { head: "AT", rank: 1 },
      { head: "ACTOR", rank: 0, shrinks: "front" },
      "VERB",
      { head: "TARGETS", rank: 0, shrinks: "end" },
      { head: "MORE", rank: 2, shrinks: "end" },
    ],
    value.entries.map((entry) => [
      String(entry.id),
      timeOf(entry.at),
      entry.actor,
      entry.verb,
      targetsOf(entry.targets),
      entry.detail === null ? "" : JSON.stringify(entry.detail),
    ]),
  );
  if (value.next !== null) tell(`older ones: tulle audit --before ${value.next}`);
}

function targetsOf(targets: unknown): string {
  if (!Array.isArray(targets)) return JSON.stringify(targets);
  const rest = targets.length - 1;
  return `${String(targets[0] ?? "")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

async function verify(options: GlobalOptions): Promise<void> {
  const found = await verified(connect(options));
  const standing = found.breaks.filter(({ accepted }) => accepted === null);
  const intact = found.broken === null && standing.length === 0;
  if (await printStructured(options.output, { intact, ...found })) {
    if (!intact) process.exitCode = 1;
    return;
  }
  for (const one of found.breaks) tell(`${timeOf(one.at)}: ${toldOf(one)}`);
  const { broken } = found;
  if (broken !== null)
    throw new CommandError(
      `row ${broken.id} of the audit is ${broken.problem}: somebody wrote to the database past control; compare it with a backup`,
    );
  if (!intact)
    throw new CommandError(
      `the chain of ${found.checked} rows holds in itself, but rows were lost: the database was cut, or restored from a backup${standing.some(({ kept }) => kept !== null) ? "; if you restored it, say so with --accept-restore and the row that was seen before" : ""}`,
    );
  print(
    `${found.checked} rows hold, up to ${found.last === null ? "none" : `row ${found.last.id}, ${found.last.hash}`}`,
  );
}

function toldOf({ seen, found, kept, accepted }: z.infer<typeof Break>): string {
  const before = `row ${seen.id}, seen before, was gone or another; the chain ended with ${found === null ? "no row" : `row ${found.id}`}`;
  if (accepted !== null) return `${before}: a restore to row ${kept?.id ?? 0}, as row ${accepted.id} says`;
  return kept === null
    ? `${before}, and none of its rows had been seen`
    : `${before}, of those seen before with row ${kept.id}`;
}

async function acceptRestore(row: number, { reason, ...options }: AuditOptions): Promise<void> {
  const client = connect(options);
  const { value: told } = await ask(client, { path: "/audit/verify" }, Verified);
  const meant = told.breaks.findLast(({ seen }) => seen.id === row);
  if (meant === undefined)
    throw new CommandError(`no break is known at which row ${row} had been seen: \`tulle audit --verify\` tells them`);
  const body = JSON.stringify({ seen: meant.seen, reason });
  const { value } = await ask(client, { method: "POST", path: "/audit/restores", body }, Break);
  if (await printStructured(options.output, value)) return;
  print(toldOf(value));
}

/** All of it, in as many calls as that takes. */
async function verified(client: Client): Promise<Omit<z.infer<typeof Verified>, "next">> {
  let checked = 0;
  for (let after = 0; ;) {
    const { value } = await ask(client, { path: "/audit/verify", query: { after: String(after) } }, Verified);
    checked += value.checked;
    const { next, ...found } = value;
    if (next === null) return { ...found, checked };
    after = next;
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, "");
}
