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

/** 128 and SIGPIPE: as a shell tells of any program whose reader is gone. */
const NOBODY_READS = 141;

/**
 * Tells why nothing can be printed any more. A reader that is gone wants no more of it; but what the command would have come to
 * nobody knows then, so it has not ended well: `tulle analyze | head` in a pipeline must not let errors pass.
 *
 * @returns the exit code
 */
export function endedUnread(error: NodeJS.ErrnoException): number {
  if (error.code === "EPIPE") return NOBODY_READS;
  complain("error", `what was to be printed could not be written: ${error.message}`);
  return 1;
}

function isOfFiles(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
