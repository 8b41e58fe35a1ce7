import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { FINDINGS, type FindingCode, kindOfFinding } from "../../src/resources/finding-codes.ts";
import { SEVERITIES, type Severity } from "../../src/resources/finding-kind.ts";
import { codesIn, isSilenced } from "../../src/resources/finding.ts";
import type { Analysis, Told } from "./analyze-files.ts";
import { ask, connect } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { collect, type GlobalOptions } from "./options.ts";
import { paint, print, printable, printableJson, printStructured, type Style, tell } from "./output.ts";
import { sarif } from "./sarif.ts";

interface AnalyzeOptions extends GlobalOptions {
  readonly filename?: readonly string[];
  readonly recursive?: true;
  readonly suppress?: readonly string[];
  readonly failOn: Severity | "never";
}

export function addAnalyze(program: Command): void {
  program
    .command("analyze")
    .description("say what is wrong with the objects in files, each among the others, or with those of the mesh")
    .option("-f, --filename <file>", "file, folder, or - for stdin; may be given again; no mesh is needed", collect)
    .option("-R, --recursive", "read the folders in folders too")
    .option("--suppress <codes>", "leave these out, ours or Istio's; errors are never left out", suppressed)
    .addOption(
      new Option("--fail-on <severity>", "end with 1 where there is a finding as grave")
        .choices([...SEVERITIES, "never"])
        .default("error"),
    )
    .addHelpText(
      "after",
      `
Without \`-f\` it asks the mesh; \`-n\` looks at one namespace. docs/findings.md has every code. It prints
lines, as compilers do, with \`-o text\` or none; \`-o sarif\` is for code hosts and editors.

Example:
  $ tulle analyze -f mesh/ -R --fail-on warning`,
    )
    .action(async (_: unknown, command: Command) => analyze(command.optsWithGlobals<AnalyzeOptions>()));
}

function suppressed(text: string, before: readonly string[] = []): readonly string[] {
  const ours = Object.keys(FINDINGS) as FindingCode[];
  const known = new Set(["*", ...ours.flatMap((code) => [code, ...(kindOfFinding(code).istio ?? [])])]);
  const codes = codesIn(text);
  const unknown = codes.find((code) => !known.has(code));
  if (unknown === undefined) return [...before, ...codes];
  throw new InvalidArgumentError(`There is no code \`${unknown}\`; docs/findings.md has all.`);
}

async function analyze(options: AnalyzeOptions): Promise<void> {
  const { output, failOn } = options;
  const { objects, others, findings: all } = await analysisOf(options);
  const silenced = new Set(options.suppress);
  const findings = all.filter((found) => !isSilenced(found, silenced));
  if (output === "sarif") print(printableJson(JSON.stringify(sarif(findings), null, 2)));
  else if (!(await printStructured(output, { objects, findings: findings.map(shown) })))
    for (const found of findings) print(lineOf(found));
  const counts = SEVERITIES.map((severity) =>
    counted(findings.filter((found) => found.severity === severity).length, severity),
  );
  if (others.length > 0) tell(`left out, since no object stands in it: ${others.join(", ")}`);
  tell(`${counts.join(", ")} in ${counted(objects, "object")}`);
  if (failOn === "never") return;
  const grave = SEVERITIES.slice(0, SEVERITIES.indexOf(failOn) + 1);
  if (findings.some(({ severity }) => grave.includes(severity)))
    throw new CommandError(`there are findings of severity ${grave.join(" or ")}`);
}

const Found = z.object({
  objects: z.number(),
  findings: z.array(
    z.object({
      code: z.string(),
      name: z.string(),
      severity: z.enum(SEVERITIES),
      istio: z.array(z.string()),
      object: z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() }),
      field: z.string(),
      message: z.string(),
    }),
  ),
});

async function analysisOf(options: AnalyzeOptions): Promise<Analysis> {
  const { filename, recursive = false, namespace } = options;
  if (filename) {
    const { analyzeFiles } = await import("./analyze-files.ts");
    return analyzeFiles(filename, recursive, namespace ?? "default");
  }
  if (recursive) throw usageError("`-R` is for the folders of `-f`");
  const call = { path: "/findings", query: { namespace } };
  const { objects, findings } = (await ask(connect(options), call, Found)).value;
  return { objects, others: [], findings: findings.map((found) => ({ ...found, place: null })) };
}

const STYLES: Readonly<Record<Severity, Style>> = { error: "red", warning: "yellow", info: "dim" };

/** As compilers and editors have it: `mesh/reviews.yaml:14:7: warning: VirtualService default/reviews: …` */
function lineOf({ code, severity, object, field, message, place }: Told): string {
  const at = place ? `${place.file}:${place.line}:${place.column}: ` : "";
  const of = object && object.kind !== "" ? `${object.kind} ${placed(object)}: ` : "";
  const text = `${of}${field === "" ? "" : `${field}: `}${message} [${code}]`;
  return `${printable(at)}${paint(STYLES[severity], `${severity}:`)} ${printable(text)}`;
}

function placed({ namespace, name }: NonNullable<Told["object"]>): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

function shown({ object, place, ...found }: Told): object {
  return { ...found, ...(object && { object }), ...(place && { place }) };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
