import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * `npm run conformance -- [the runner's options]`: Istio's suite against a local mesh; `--short` is what runs before each
 * change. The suite of Gateway API, whose resources are not built, is not run.
 */
const SHARED = join(import.meta.dirname, "../../../shared/conformance");
const HERE = import.meta.dirname;

/**
 * All of the validation, and the areas whose cases hold without exception, within a few minutes on two cores. Of the cookies the case with
 * a `ttl` is left out: its client brings the cookie back, and the runner wants it set anew on every answer, where Envoy sets
 * one that is missing.
 */
const SHORT = [
  "validation/*",
  "bookinfo/*",
  "circuit-breaking/*",
  "cors/*",
  "egress/*",
  "fault-injection/*",
  "jwt-claim-routing/*",
  "load-balancing/consistent-hash-cookie-without-ttl",
  "load-balancing/consistent-hash-http-header",
  "load-balancing/consistent-hash-source-ip",
  "mesh-route-selection/*",
  "mirroring/*",
  "peer-authentication/*",
  "retry-policy/*",
  "timeouts/*",
  "traffic-shifting/*",
  "virtual-service/*",
];

function optionsOf(args: readonly string[]): readonly string[] {
  if (!args.includes("--short")) return args;
  return ["--fast", "--jobs", "2", "--only", SHORT.join(","), ...args.filter((arg) => arg !== "--short")];
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
