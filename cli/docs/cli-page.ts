import type { Command, Option } from "commander";

const HEAD = `# tulle

<!-- Made by \`npm run docs\` from the commands' own help; a test fails where it is not what they say. -->

The command line for a running mesh. It speaks the plain API of [api.md](api.md); for single objects, watches and diffs there is
kubectl, with the same kubeconfig. In this repository: \`npx tulle\`, or \`npm run -s tulle --\` and the words that follow. After
\`npm start\` it finds the local mesh by itself, in \`.tulle/kubeconfig\`. In other folders: \`npx --prefix FOLDER tulle\`, with the
repository's folder and a KUBECONFIG; without \`--prefix\` npx would look for a package of that name in npm's registry.

It exits with 0 where all is done, 1 where something was refused or a check failed, 2 where it was called wrongly. What is for programs
goes to stdout (\`-o json\`, \`-o yaml\`), everything else to stderr.`;

/** The text of docs/cli.md. */
export function cliPage(program: Command): string {
  const sections = leavesOf(program).map(({ command, path }) =>
    [
      `## ${path}`,
      sentence(command.description()),
      fence(`${path} ${usageOf(command)}`.trim()),
      ...options(command.createHelp().visibleOptions(command)),
      ...rest(command),
    ].join("\n\n"),
  );
  const globals = program
    .createHelp()
    .visibleOptions(program)
    .filter(({ long }) => long !== "--help");
  return `${[HEAD, "## Options of every command", ...options(globals), ...sections].join("\n\n")}\n`;
}

interface Leaf {
  readonly command: Command;
  /** `tulle token create` */
  readonly path: string;
}

/** The commands that do something, in the order of the help. */
export function leavesOf(command: Command, above = ""): readonly Leaf[] {
  const path = `${above} ${command.name()}`.trim();
  const { commands } = command;
  return commands.length === 0 ? [{ command, path }] : commands.flatMap((each) => leavesOf(each, path));
}

/** What is common to all stands at the top of the page. */
function usageOf(command: Command): string {
  const words = command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`));
  const own = command.options.map(({ flags, mandatory }) => {
    const flag = flags.split(", ").at(-1) ?? flags;
    return mandatory ? flag : `[${flag}]`;
  });
  return [...words, ...own].join(" ");
}

function options(all: readonly Option[]): readonly string[] {
  const shown = all.filter(({ long }) => long !== "--help");
  if (shown.length === 0) return [];
  const rows = shown.map((option) => `| \`${option.flags}\` | ${meaningOf(option).replaceAll("|", "\\|")} |`);
  return [["| option | meaning |", "| --- | --- |", ...rows].join("\n")];
}

function meaningOf({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const choices = argChoices ? `: ${argChoices.join(", ")}` : "";
  const value: unknown = defaultValueDescription ?? defaultValue;
  const otherwise = typeof value === "string" || typeof value === "number" ? ` (default: ${value})` : "";
  return `${description}${choices}${otherwise}`;
}

/** What stands in its help below the options: remarks, and an example. */
function rest(command: Command): readonly string[] {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 1_000 });
  command.outputHelp();
  const [remarks = "", example = ""] = help.slice(command.helpInformation().length).split("Example:\n");
  const told = remarks.trim();
  return [...(told === "" ? [] : [told]), fence(example.replaceAll(/^ {2}/gm, "").trimEnd())];
}

function fence(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
