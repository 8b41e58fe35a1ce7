import type { Command } from "commander";
import { z } from "zod";
import { ask, type Client, connect, jsonOf, NoAnswer } from "./client.ts";
import { CommandError } from "./command-error.ts";
import type { Manifest } from "./manifests.ts";
import { collect, type GlobalOptions, positiveNumber, wholeNumber } from "./options.ts";
import { complain, print, printStructured, tell } from "./output.ts";
import { Result, resultLine } from "./results.ts";
import { untilCurrent } from "./status.ts";

export interface ApplyOptions extends GlobalOptions {
  readonly filename: readonly string[];
  readonly recursive?: true;
  readonly dryRun?: true;
  readonly fieldManager: string;
  readonly ifGeneration?: number;
  /** Seconds; true: the default. */
  readonly wait?: number | true;
}

/** What control takes at once (R25). */
const MAX_DOCUMENTS = 500;
const MAX_BYTES = 1_048_576;

export const Applied = z.object({ generation: z.number(), results: z.array(Result) });
export type Applied = z.infer<typeof Applied>;

/** Some documents were refused, and so none was stored. */
const Refused = z.object({
  results: z.array(
    z.object({
      status: z
        .object({
          message: z.string(),
          details: z
            .object({ causes: z.array(z.object({ field: z.string().default(""), message: z.string() })).default([]) })
            .optional(),
        })
        .optional(),
    }),
  ),
});

export function addApply(program: Command): void {
  program
    .command("apply")
    .description("store objects from files, folders or stdin: all of them, or none")
    .requiredOption("-f, --filename <file>", "file, folder, or - for stdin; may be given again", collect)
    .option("-R, --recursive", "read the folders in folders too")
    .option("--dry-run", "check everything, store nothing")
    .option("--field-manager <name>", "who keeps the fields that are written", "tulle-cli")
    .option("--if-generation <n>", "only where the mesh is still at this generation", wholeNumber)
    .option("--wait [seconds]", "wait until the gateways in use have it, as `tulle status --wait`", positiveNumber)
    .addHelpText(
      "after",
      `
Above 500 documents or 1 MiB they are stored in parts, Namespaces first, each part all or nothing.

Example:
  $ tulle apply -f policies/ -R --dry-run`,
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<ApplyOptions>();
      await apply(options, async (applied) => {
        await printStructured(options.output, applied);
      });
    });
}

/** @param stored is told what was stored, even where not all of it could be */
export async function apply(options: ApplyOptions, stored: (applied: Applied) => Promise<void>): Promise<void> {
  const client = connect(options);
  const { readManifests } = await import("./manifests.ts");
  const manifests = await readManifests(options.filename, options.recursive === true, {
    namespace: options.namespace ?? client.target.namespace,
    isForced: options.namespace !== undefined,
  });
  const parts = partsOf(manifests);
  const done: Applied[] = [];
  let failure: CommandError | null = null;
  for (const [index, part] of parts.entries()) {
    if (parts.length > 1)
      progress(`part ${index + 1} of ${parts.length}: ${part.length} of ${manifests.length} documents`);
    const answered = await applyPart(client, part, options, done.at(-1)?.generation).catch((error: unknown) => {
      if (error instanceof CommandError) return error;
      throw error;
    });
    endProgress();
    if (answered instanceof CommandError) {
      failure = parts.length === 1 ? answered : withPlaces(answered, parts, index, options);
      break;
    }
    done.push(answered);
    report(answered, part, options);
  }
  const results = done.flatMap((applied) => applied.results);
  const generation = done.at(-1)?.generation;
  // What is stored is told even where the next part was refused.
  if (generation !== undefined) await stored({ generation, results });
  if (failure) throw failure;
  if (options.wait !== undefined && options.dryRun !== true) await untilCurrent(client, options.wait);
  if (parts.length > 1)
    tell(
      `${options.dryRun ? "checked" : "applied"} ${results.length} documents in ${parts.length} parts; the mesh is at generation ${generation ?? 0}`,
    );
}

/** As few as the limits allow, the Namespaces before what stands in them. */
function partsOf(manifests: readonly Manifest[]): readonly (readonly Manifest[])[] {
  const isNamespace = ({ kind }: Manifest): boolean => kind === "Namespace";
  const ordered = [...manifests.filter(isNamespace), ...manifests.filter((manifest) => !isNamespace(manifest))];
  const parts: { bytes: number; readonly manifests: Manifest[] }[] = [];
  for (const manifest of ordered) {
    const bytes = Buffer.byteLength(manifest.json) + 1;
    const last = parts.at(-1);
    // One byte is for the bracket at the end.
    if (last && last.manifests.length < MAX_DOCUMENTS && last.bytes + bytes < MAX_BYTES) {
      last.manifests.push(manifest);
      last.bytes += bytes;
    } else parts.push({ bytes, manifests: [manifest] });
  }
  return parts.map((part) => part.manifests);
}

/** @param before the generation that the part before this one made */
async function applyPart(
  client: Client,
  part: readonly Manifest[],
  { ifGeneration, fieldManager, dryRun }: ApplyOptions,
  before: number | undefined,
): Promise<Applied> {
  const expected = ifGeneration === undefined || dryRun ? ifGeneration : (before ?? ifGeneration);
  const call = {
    method: "POST",
    path: "/apply",
    query: { fieldManager, dryRun: dryRun && "All" },
    body: `[${part.map(({ json }) => json).join(",")}]`,
    ifMatch: expected === undefined ? undefined : `"${expected}"`,
  } as const;
  const { value } = await ask(client, call, Applied, ({ status, text }) => {
    if (status === 412)
      return new CommandError(
        `nothing was stored: the mesh is no longer at generation ${expected ?? 0}; look at \`tulle revisions\` for what changed, then apply with its newest generation`,
      );
    return status === 422 ? refusedDocuments(part, jsonOf(text)) : null;
  });
  return value;
}

/** Why documents were refused that stand in no file: lines would tell nothing. @returns null where the answer does not say */
export function refusedAlone(answer: unknown): CommandError | null {
  const reasons = Refused.safeParse(answer).data?.results.flatMap(({ status }) => status?.message ?? []) ?? [];
  return reasons.length === 0 ? null : new CommandError(`nothing was stored: ${reasons.join("; ")}`);
}

/** Each document that was refused with its place in the files: the lines in the answer are those of what was sent. */
function refusedDocuments(part: readonly Manifest[], answer: unknown): CommandError | null {
  const parsed = Refused.safeParse(answer);
  if (!parsed.success) return null;
  const refused = parsed.data.results.flatMap(({ status }, index) => {
    const manifest = part[index];
    return status && manifest ? [{ manifest, status }] : [];
  });
  if (refused.length === 0) return null;
  const lines = refused.flatMap(({ manifest, status }) => {
    const causes = status.details?.causes ?? [];
    if (causes.length === 0) return [`${placeOf(manifest)}: ${nameOf(manifest)}${status.message}`];
    return causes.map(({ field, message }) => {
      const text = field === "" ? message : `${field}: ${message}`;
      return `${placeOf(manifest, field)}: ${nameOf(manifest)}${text}`;
    });
  });
  const count = `${refused.length} of ${part.length} document${part.length === 1 ? "" : "s"}`;
  return new CommandError([`nothing was stored: ${count} refused`, ...lines].join("\n"));
}

/** @param field of the object; empty: all of it */
function placeOf({ file, line, lineOf }: Manifest, field = ""): string {
  return `${file}:${field === "" ? line : lineOf(field)}`;
}

/** The path that a warning begins with; empty where it is about the object as a whole. */
function fieldOf(warning: string): string {
  return /^((?:apiVersion|kind|metadata|spec)(?:\.\w+|\[[^\]]*\])*): /.exec(warning)?.[1] ?? "";
}

function nameOf({ kind, name }: Manifest): string {
  return kind === "" ? "" : `${kind}${name === "" ? "" : ` \`${name}\``}: `;
}

/** What is stored by now and what is not, where a part between others failed. */
function withPlaces(
  failure: CommandError,
  parts: readonly (readonly Manifest[])[],
  failed: number,
  { dryRun }: ApplyOptions,
): CommandError {
  const stored = dryRun ? "checked" : "stored";
  const lines = [
    `part ${failed + 1} of ${parts.length}: ${failure.message}`,
    `${stored}: ${rangesOf(parts.slice(0, failed).flat())}`,
    `${failure instanceof NoAnswer ? "not known to be" : "not"} ${stored}: ${rangesOf(parts[failed] ?? [])}`,
    `not sent: ${rangesOf(parts.slice(failed + 1).flat())}`,
  ];
  return new CommandError(lines.join("\n"));
}

/** `a.yaml:1 to a.yaml:2990 (500 documents), b.yaml:1 (1 document)` */
function rangesOf(manifests: readonly Manifest[]): string {
  const runs: Manifest[][] = [];
  for (const manifest of manifests) {
    const run = runs.at(-1);
    if (run?.at(-1)?.file === manifest.file) run.push(manifest);
    else runs.push([manifest]);
  }
  const told = runs.map((run) => {
    const [first, last] = [run[0], run.at(-1)];
    if (!first || !last) return "";
    return run.length === 1 ? placeOf(first) : `${placeOf(first)} to ${placeOf(last)} (${run.length} documents)`;
  });
  return told.join(", ") || "none";
}

function report({ results }: Applied, part: readonly Manifest[], { output, dryRun }: ApplyOptions): void {
  for (const [index, result] of results.entries()) {
    if (output === "table") print(resultLine(result, dryRun === true));
    const manifest = part[index];
    for (const warning of result.warnings ?? [])
      complain("warning", manifest ? `${placeOf(manifest, fieldOf(warning))}: ${nameOf(manifest)}${warning}` : warning);
  }
}

/** On a terminal one line that is written over. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else tell(text);
}

function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}
