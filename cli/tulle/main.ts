#!/usr/bin/env node
import { CommanderError } from "commander";
import { CommandError } from "./command-error.ts";
import { complain } from "./output.ts";
import { tulleProgram } from "./program.ts";

/** @returns the exit code */
function ended(error: unknown): number {
  // Has been told by the parser; its codes don't set wrong usage apart. Help that was asked for ends with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof CommandError) {
    complain("error", error.message);
    return error.exitCode;
  }
  // A file that cannot be read or written is the user's to mend: the system's words say which.
  if (isOfFiles(error)) complain("error", error.message);
  else console.error(error);
  return 1;
}

function isOfFiles(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

// `tulle revisions | head -1` closes the pipe before everything is printed.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await tulleProgram().parseAsync();
} catch (error) {
  process.exitCode = ended(error);
}
