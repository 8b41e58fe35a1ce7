import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * `npm run conformance -- [the runner's options]`: Istio's suite against a local mesh. The suite of Gateway API, whose
 * resources are not built, is not run.
 */
const SHARED = join(import.meta.dirname, "../../../shared/conformance");
const HERE = import.meta.dirname;

if (!existsSync(SHARED)) {
  console.log("not run: ../shared");
  process.exit(0);
}
console.log("not run: the suite of Gateway API, whose resources are not built");
const child = spawn(
  process.execPath,
  [
    join(SHARED, "runner/run.mjs"),
    ...["--suite", "istio", "--cases", join(SHARED, "istio"), "--driver", join(HERE, "driver.ts")],
    ...["--gaps", join(HERE, "gaps.json"), ...process.argv.slice(2)],
  ],
  { stdio: "inherit" },
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
