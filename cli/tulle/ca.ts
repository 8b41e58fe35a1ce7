import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CaBackedUp, CaSignsFrom, CaStatus } from "../../src/api/ca-bodies.ts";
import { ask, connect } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { DAY, readDuration, shortDuration } from "./duration.ts";
import type { GlobalOptions } from "./options.ts";
import { print, printStructured, printTable, tell } from "./output.ts";
import { whyUnread } from "./target.ts";

interface AfterOptions extends GlobalOptions {
  /** Milliseconds. */
  readonly after?: number;
}

interface RotateOptions extends AfterOptions {
  readonly root?: true;
}

interface BackupOptions extends GlobalOptions {
  readonly keyFile: string;
  readonly out: string;
}

const MIN_KEY_CHARACTERS = 32;
const MAX_AFTER_DAYS = 365;

export function addCa(program: Command): void {
  const ca = program
    .command("ca")
    .description("the mesh's certificate authority: show, rotate, csr, import, backup, restore");
  ca.command("show")
    .description("tell its certificates, and what rotates next")
    .addHelpText("after", "\nExample:\n  $ tulle ca show")
    .action(async (_: unknown, command: Command) => show(command.optsWithGlobals<GlobalOptions>()));
  ca.command("rotate")
    .description("make the next intermediate now: trusted at once, it signs later")
    .option("--root", "the next root, with its first intermediate")
    .addOption(after("how long it is trusted before it signs (default: 1h, of a root 7d)"))
    .addHelpText(
      "after",
      `
Where one waits already, that one signs sooner. docs/identity.md tells the steps.

Example:
  $ tulle ca rotate --after 10m`,
    )
    .action(async (_: unknown, command: Command) => rotate(command.optsWithGlobals<RotateOptions>()));
  ca.command("csr")
    .description("print a request for an intermediate, to be signed by a root of your own")
    .addHelpText("after", "\nExample:\n  $ tulle ca csr > mesh.csr")
    .action(async (_: unknown, command: Command) => csr(command.optsWithGlobals<GlobalOptions>()));
  ca.command("import <chain>")
    .description("take the signed intermediate with all above it, the root last; - reads stdin")
    .addOption(after("how long it is trusted before it signs (default: 1h, below a root that is new 7d)"))
    .addHelpText("after", "\nExample:\n  $ tulle ca import chain.pem")
    .action(async (chain: string, _: unknown, command: Command) =>
      importChain(chain, command.optsWithGlobals<AfterOptions>()),
    );
  ca.command("backup")
    .description("write all that the authority knows to a file, encrypted")
    .requiredOption("--out <file>", "where it is written")
    .requiredOption("--key-file <file>", "the key that encrypts it; made where it is missing")
    .addHelpText(
      "after",
      `
Whoever has the file and the key can speak for the mesh: keep them apart.

Example:
  $ tulle ca backup --out ca.backup --key-file ca-backup.key`,
    )
    .action(async (_: unknown, command: Command) => backup(command.optsWithGlobals<BackupOptions>()));
  ca.command("restore <file>")
    .description("put a backup into a fresh mesh of the same trust domain")
    .requiredOption("--key-file <file>", "the key that it was encrypted with")
    .addHelpText("after", "\nExample:\n  $ tulle ca restore ca.backup --key-file ca-backup.key")
    .action(async (file: string, _: unknown, command: Command) =>
      restore(file, command.optsWithGlobals<BackupOptions>()),
    );
}

function after(description: string): Option {
  return new Option("--after <duration>", description).argParser((given: string): number => {
    const ms = given === "0s" ? 0 : readDuration(given);
    if (ms === null || ms > MAX_AFTER_DAYS * DAY) throw new InvalidArgumentError(`Give 0s to ${MAX_AFTER_DAYS}d.`);
    return ms;
  });
}

async function show({ output, ...options }: GlobalOptions): Promise<void> {
  const client = connect({ output, ...options });
  const { value, at } = await ask(client, { path: "/ca" }, CaStatus);
  if (await printStructured(output, value)) return;
  const stateOf = ({ state, signsFrom, neededUntil, isOurs, role }: (typeof value.certificates)[number]): string => {
    if (state === "next") return `signs in ${shortDuration(signsFrom - at)}`;
    if (state === "signs") return role === "root" && !isOurs ? "trusted, yours" : "signs";
    return neededUntil === null || neededUntil <= at ? "trusted" : `trusted for ${shortDuration(neededUntil - at)}`;
  };
  printTable(
    [
      { head: "SERIAL", shrinks: "front" },
      { head: "ROLE", rank: 2 },
      "STATE",
      "EXPIRES IN",
      { head: "SUBJECT", rank: 1, shrinks: "end" },
    ],
    value.certificates.map((one) => [
      one.serial,
      one.role === "both" ? "root, signs itself" : one.role,
      stateOf(one),
      shortDuration(one.expiresAt - at),
      one.subject,
    ]),
  );
  const [next] = value.next;
  const left = next === undefined ? "" : next.at <= at ? "now" : `in ${shortDuration(next.at - at)}`;
  if (next !== undefined) print(`next: ${NEXT[next.what]} ${left}`);
  print(`certificates of workloads: ${value.issued} live, ${value.revoked} revocations`);
}

const NEXT = {
  root: "a new root is made",
  intermediate: "a new intermediate is made",
  import: "an intermediate of your root is wanted (`tulle ca csr`)",
  use: "the one that waits signs",
} as const;

async function rotate({ root, after: afterMs, ...options }: RotateOptions): Promise<void> {
  const body = JSON.stringify({ what: root ? "root" : "intermediate", ...seconds(afterMs) });
  const { value, at } = await ask(connect(options), { method: "POST", path: "/ca/rotate", body }, CaSignsFrom);
  await printSignsFrom(options, value.signsFrom, at);
}

async function csr(options: GlobalOptions): Promise<void> {
  const client = connect(options);
  const answer = await client.send({ method: "POST", path: "/ca/csr" });
  if (answer.status !== 200) throw new CommandError(`control answered ${answer.status}: ${answer.text.slice(0, 500)}`);
  if (!(await printStructured(options.output, { csr: answer.text }))) process.stdout.write(answer.text);
}

async function importChain(file: string, { after: afterMs, ...options }: AfterOptions): Promise<void> {
  const chain = file === "-" ? await text(process.stdin) : readText(file);
  const body = JSON.stringify({ chain, ...seconds(afterMs) });
  const { value, at } = await ask(connect(options), { method: "POST", path: "/ca/import", body }, CaSignsFrom);
  await printSignsFrom(options, value.signsFrom, at);
}

async function backup({ keyFile, out, ...options }: BackupOptions): Promise<void> {
  if (existsSync(out)) throw usageError(`--out: \`${out}\` is there already; give another name`);
  const isNew = !existsSync(keyFile);
  const key = isNew ? randomBytes(32).toString("base64url") : readKey(keyFile);
  const body = JSON.stringify({ key });
  const { value } = await ask(connect(options), { method: "POST", path: "/ca/backup", body }, CaBackedUp);
  try {
    if (isNew) writeFileSync(keyFile, `${key}\n`, { mode: 0o600, flag: "wx" });
    writeFileSync(out, `${value.backup}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new CommandError(whyUnread(out, error));
  }
  if (await printStructured(options.output, { out, keyFile })) return;
  tell(`${out} is written; ${keyFile} opens it: keep them apart`);
}

async function restore(file: string, { keyFile, ...options }: BackupOptions): Promise<void> {
  const body = JSON.stringify({ key: readKey(keyFile), backup: readText(file).trim() });
  const { value } = await ask(connect(options), { method: "POST", path: "/ca/restore", body }, CaStatus);
  if (await printStructured(options.output, value)) return;
  tell(`restored: ${value.certificates.length} certificates of the authority, ${value.issued} of workloads`);
}

function seconds(ms: number | undefined): { readonly afterSeconds?: number } {
  return ms === undefined ? {} : { afterSeconds: Math.floor(ms / 1_000) };
}

async function printSignsFrom({ output }: GlobalOptions, signsFrom: number, at: number): Promise<void> {
  if (await printStructured(output, { signsFrom: new Date(signsFrom).toISOString() })) return;
  print(
    `trusted now; signs from ${new Date(signsFrom).toISOString()} (in ${shortDuration(Math.max(0, signsFrom - at))})`,
  );
}

function readKey(file: string): string {
  const key = readText(file).trim();
  if (key.length < MIN_KEY_CHARACTERS)
    throw usageError(`--key-file: \`${file}\` holds no key of 32 characters or more`);
  return key;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(whyUnread(file, error));
  }
}
