#!/usr/bin/env node
import { ended } from "./ended.ts";
import { tulleProgram } from "./program.ts";

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
