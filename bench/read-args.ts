import { parseArgs, type ParseArgsConfig } from "node:util";

/** Ends the program, with exit code 2. @param problem what is wrong with its options @param usage how it is called */
export function wrongUsage(problem: string, usage: string): never {
  console.error(`${problem}\n\n${usage}`);
  process.exit(2);
}

/** A program's options; where they are wrong, or help is asked for, it says how it is called and ends. */
export function readArgs<Options extends NonNullable<ParseArgsConfig["options"]>>(options: Options, usage: string) {
  const config = { options: { ...options, help: { type: "boolean", default: false } } } as const;
  try {
    const { values } = parseArgs<typeof config>(config);
    if (!("help" in values) || values.help !== true) return values;
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error), usage);
  }
  console.log(usage);
  return process.exit(0);
}
