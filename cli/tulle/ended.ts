import { CommanderError } from "commander";
import { CommandError } from "./command-error.ts";
import { complain } from "./output.ts";

/** Tells why a command ended before its end. @returns the exit code */
export function ended(error: unknown): number {
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
