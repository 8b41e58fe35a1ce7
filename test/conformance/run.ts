import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * `npm run conformance -- [the runner's options]`: Istio's suite against a local mesh; `--short` is what runs before each
 * change. The suite of Gateway API, whose resources are not built, is not run.
 */
const SHARED = join(import.meta.dirname, "../../../shared/conformance");
const HERE = import.meta.dirname;

/** All of the validation, and the areas whose cases hold without exception, within three minutes on two cores. */
const SHORT = [
  "validation",
  "bookinfo",
  "circuit-breaking",
  "egress",
  "jwt-claim-routing",
  "load-balancing",
  "mesh-route-selection",
  "peer-authentication",
  "timeouts",
  "traffic-shifting",
  "virtual-service",
];

function optionsOf(args: readonly string[]): readonly string[] {
  if (!args.includes("--short")) return args;
  const only = SHORT.map((area) => `${area}/*`).join(",");
  return ["--fast", "--jobs", "2", "--only", only, ...args.filter((arg) => arg !== "--short")];
}

if (!existsSync(SHARED)) {
  console.log("not run: ../shared");
  process.exit(0);
}
console.log("not run: the suite of Gateway API, whose resources are not built");
const options: readonly (readonly string[])[] = [
  ["--suite", "istio", "--cases", join(SHARED, "istio"), "--driver", join(HERE, "driver.ts")],
  ["--gaps", join(HERE, "gaps.json")],
  optionsOf(process.argv.slice(2)),
];
const child = spawn(process.execPath, [join(SHARED, "runner/run.mjs"), ...options.flat()], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
