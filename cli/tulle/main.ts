#!/usr/bin/env node
import { ended, endedUnread } from "./ended.ts";
import { tulleProgram } from "./program.ts";

// `tulle revisions | head -1` closes the pipe before everything is printed; a disk is full.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(endedUnread(error)));

try {
  await tulleProgram().parseAsync();
} catch (error) {
  process.exitCode = ended(error);
}
