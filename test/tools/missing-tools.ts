import { TOOLS, toolPath } from "../support/tools.ts";

/** Before all tests: lists the tools that this machine lacks, whose tests are then skipped. */
export default function listMissing(): void {
  for (const name of TOOLS) if (toolPath(name) === null) console.log(`not run: ${name}`);
}
