import { type Command, InvalidArgumentError, Option } from "commander";
import {
  FINDINGS,
  kindOfFinding,
  SEVERITIES,
  type Severity,
  type FindingCode,
} from "../../src/resources/finding-codes.ts";
import { codesIn, findingText, isSilenced } from "../../src/resources/finding.ts";
import { analyzeFiles, type Told } from "./analyze-files.ts";
import { CommandError } from "./command-error.ts";
import { collect, type GlobalOptions } from "./options.ts";
import { paint, print, printable, printStructured, type Style, tell } from "./output.ts";
import { sarif } from "./sarif.ts";

interface AnalyzeOptions extends GlobalOptions {
  readonly filename: readonly string[];
  readonly recursive?: true;
  readonly suppress?: readonly string[];
  readonly failOn: Severity | "never";
}

export function addAnalyze(program: Command): void {
  program
    .command("analyze")
    .description("say what is wrong with the objects in files, each among the others; no mesh is needed")
    .requiredOption("-f, --filename <file>", "file, folder, or - for stdin; may be given again", collect)
    .option("-R, --recursive", "read the folders in folders too")
    .option("--suppress <codes>", "leave these out, ours or Istio's; errors are never left out", knownCodes)
    .addOption(
      new Option("--fail-on <severity>", "end with 1 where there is a finding as grave")
        .choices([...SEVERITIES, "never"])
        .default("error"),
    )
    .addHelpText(
      "after",
      `
The codes are those of docs/findings.md. \`-o sarif\` is for code hosts and editors.

Example:
  $ tulle analyze -f mesh/ -R --fail-on warning`,
    )
    .action(async (_: unknown, command: Command) => analyze(command.optsWithGlobals<AnalyzeOptions>()));
}

function knownCodes(text: string, before: readonly string[] = []): readonly string[] {
  const known = new Set([
    "*",
    ...(Object.keys(FINDINGS) as FindingCode[]).flatMap((code) => [code, ...(kindOfFinding(code).istio ?? [])]),
  ]);
  const codes = codesIn(text);
  const unknown = codes.find((code) => !known.has(code));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no code \`${unknown}\`; docs/findings.md has all.`);
  return [...before, ...codes];
}

async function analyze(options: AnalyzeOptions): Promise<void> {
  const { objects, findings: all } = await analyzeFiles(
    options.filename,
    options.recursive === true,
    options.namespace ?? "default",
  );
  const silenced = new Set(options.suppress);
  const findings = all.filter((found) => !isSilenced(found, silenced));
  if (options.output === "sarif") print(JSON.stringify(sarif(findings), null, 2));
  else if (!(await printStructured(options.output, { objects, findings: findings.map(shown) })))
    for (const found of findings) print(lineOf(found));
  const counts = SEVERITIES.map((severity) =>
    counted(findings.filter((found) => found.severity === severity).length, severity),
  );
  tell(`${counts.join(", ")} in ${counted(objects, "object")}`);
  const { failOn } = options;
  if (failOn === "never") return;
  const grave = SEVERITIES.slice(0, SEVERITIES.indexOf(failOn) + 1);
  if (findings.some(({ severity }) => grave.includes(severity)))
    throw new CommandError(`there are findings of severity ${grave.join(" or ")}`);
}

const STYLES: Readonly<Record<Severity, Style>> = { error: "red", warning: "yellow", info: "dim" };

/** As compilers and editors have it: `mesh/reviews.yaml:14:7: warning: VirtualService default/reviews: …` */
function lineOf(found: Told): string {
  const { place, object, severity } = found;
  const at = place ? `${place.file}:${place.line}:${place.column}: ` : "";
  const of =
    object && object.kind !== ""
      ? `${object.kind} ${object.namespace === "" ? "" : `${object.namespace}/`}${object.name}: `
      : "";
  return `${printable(at)}${paint(STYLES[severity], `${severity}:`)} ${printable(of + findingText(found))}`;
}

function shown({ code, severity, field, message, object, place }: Told): object {
  const { name } = kindOfFinding(code);
  return { code, name, severity, ...(object && { object }), field, message, ...(place && { place }) };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
