import { Argument, type Command, type Option } from "commander";
import type { GlobalOptions } from "./options.ts";
import { print, printStructured } from "./output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** One command of the tree, as shells complete it. */
interface Place {
  /** `token create`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly Option[];
  /** What its first argument may be, where that is known. */
  readonly choices: readonly string[];
}

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>", "whose script is printed").choices(SHELLS))
    .description("print a script that completes this program's commands and options")
    .addHelpText("after", "\nExample:\n  $ source <(tulle completion bash)")
    .action(async (shell: Shell, _: unknown, command: Command) => {
      const text = script(shell, program);
      if (!(await printStructured(command.optsWithGlobals<GlobalOptions>().output, { shell, script: text })))
        print(text);
    });
}

function script(shell: Shell, program: Command): string {
  const places = placesOf(program, "", []);
  switch (shell) {
    case "bash":
      return bash(places);
    case "zsh":
      return zsh(places);
    case "fish":
      return fish(places);
  }
}

/** The tree in one list. @param above options that hold for what stands below too */
function placesOf(command: Command, path: string, above: readonly Option[]): readonly Place[] {
  const help = command.createHelp();
  const options = [...help.visibleOptions(command), ...above];
  // Only the program has both options and commands below it.
  const inherited = options.filter(({ long }) => long !== "--help" && long !== "--version");
  const below = command.commands.flatMap((each) => placesOf(each, `${path} ${each.name()}`.trim(), inherited));
  const commands = help
    .visibleCommands(command)
    .map((each) => ({ name: each.name(), description: each.description() }));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return [{ path, commands, options, choices }, ...below];
}

function flagsOf({ short, long }: Option): readonly string[] {
  return [short, long].filter((flag) => flag !== undefined && flag !== null);
}

/** Options of all commands that take the next word, each once. */
function valued(places: readonly Place[]): readonly Option[] {
  const options = places.flatMap((place) => place.options).filter(({ required }) => required);
  return [...new Map(options.map((option) => [option.long, option])).values()];
}

/** Shell patterns and words of these have nothing to quote: letters, digits, `-`. */
function pattern(options: readonly Option[]): string {
  return options.flatMap(flagsOf).join("|");
}

/** For both bash and zsh: sets `command` to the path that stands before the cursor. @param words `name of word i` */
function findCommand(places: readonly Place[], first: number, end: string, word: string): string {
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  return `  local command="" word skip="" i
  for ((i = ${first}; i < ${end}; i++)); do
    word="${word}"
    if [[ -n "$skip" ]]; then skip=""; continue; fi
    case "$word" in
      ${pattern(valued(places))}) skip=1 ;;
      -*) ;;
      *)
        case "\${command:+$command }$word" in
          ${paths.join("|")}) command="\${command:+$command }$word" ;;
        esac ;;
    esac
  done`;
}

const BASH_NOTHING = "compopt +o default 2>/dev/null";

function bash(places: readonly Place[]): string {
  const values = valued(places).map((option) => {
    // Without an answer of ours bash completes file names, as far as that is not turned off.
    const words = option.argChoices ? bashWords(option.argChoices) : takesFile(option) ? "" : `${BASH_NOTHING}; `;
    return `    ${pattern([option])}) ${words}return ;;`;
  });
  const commands = places.map((place) => {
    const words = [...place.commands.map(({ name }) => name), ...place.choices, ...place.options.flatMap(flagsOf)];
    return `    "${place.path}") ${bashWords(words)};;`;
  });
  return `# Completion of tulle for bash: source <(tulle completion bash)
# What is not completed here is completed as a file name.
_tulle() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
${findCommand(places, 1, "COMP_CWORD", "${COMP_WORDS[i]}")}
  COMPREPLY=()
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join("\n")}
  esac
  case "$command" in
${commands.join("\n")}
  esac
}
complete -o default -F _tulle tulle`;
}

function bashWords(words: readonly string[]): string {
  return words.length === 0 ? "" : `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$current")); `;
}

function zsh(places: readonly Place[]): string {
  const values = valued(places).map((option) => {
    const { argChoices } = option;
    const words = argChoices ? `compadd -- ${argChoices.join(" ")}; ` : takesFile(option) ? "_files; " : "";
    return `    ${pattern([option])}) ${words}return ;;`;
  });
  const commands = places.map((place) => {
    const words = [...place.commands, ...place.choices.map((name) => ({ name, description: "" }))];
    const options = place.options.flatMap((option) =>
      flagsOf(option).map((name) => ({ name, description: option.description })),
    );
    const [wordsHere, optionsHere] = [words, options].map((entries) =>
      entries.map(({ name, description }) => quoted(`${name}:${description}`)).join(" "),
    );
    return `    "${place.path}") words_here=(${wordsHere}); options_here=(${optionsHere}) ;;`;
  });
  return `#compdef tulle
# Completion of tulle for zsh: source <(tulle completion zsh), or as _tulle in a folder of $fpath.
_tulle() {
${findCommand(places, 2, "CURRENT", "${words[i]}")}
  local -a words_here options_here
  case "\${words[CURRENT - 1]}" in
${values.join("\n")}
  esac
  case "$command" in
${commands.join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then _describe option options_here
  elif ((\${#words_here})); then _describe command words_here
  else _files
  fi
}
if [[ "\${funcstack[1]}" == _tulle ]]; then _tulle; else compdef _tulle tulle; fi`;
}

function fish(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  const lines = places.flatMap((place) => {
    const at = `complete -c tulle -n '__tulle_at "${place.path}"'`;
    const words = [
      ...place.commands.map(({ name, description }) => `${at} -f -a ${name} -d ${quoted(description)}`),
      ...place.choices.map((choice) => `${at} -f -a ${choice}`),
    ];
    const options = place.options.map((option) => {
      const names = flagsOf(option).map((flag) => `${flag.startsWith("--") ? "-l" : "-s"} ${flag.replace(/^-+/, "")}`);
      return `${at} ${names.join(" ")}${fishValue(option)} -d ${quoted(option.description)}`;
    });
    return [...words, ...options];
  });
  return `# Completion of tulle for fish: tulle completion fish | source
function __tulle_at
    set -l command
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case ${valued(places).flatMap(flagsOf).join(" ")}
                set skip 1
            case '-*'
            case '*'
                set -l longer (string join ' ' $command $word)
                if contains -- $longer ${paths.join(" ")}
                    set command $longer
                end
        end
    end
    test "$command" = "$argv[1]"
end
${lines.join("\n")}`;
}

function fishValue(option: Option): string {
  if (option.argChoices) return ` -x -a ${quoted(option.argChoices.join(" "))}`;
  if (!option.required) return "";
  return takesFile(option) ? " -r" : " -x";
}

function takesFile({ flags }: Option): boolean {
  return /<(file|dir)>/.test(flags);
}

/** For zsh and fish. The texts are our own; an apostrophe in one would end the quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
