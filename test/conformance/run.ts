import { spawn } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UNPASSABLE } from "./unpassable.ts";

/**
 * `npm run conformance -- [the runner's options]`: Istio's suite against a local mesh; `--short` is what runs before each
 * change. The suite of Gateway API, whose resources are not built, is not run, nor the cases that cannot pass as the runner
 * asks them, unless one is named.
 */
const SHARED = join(import.meta.dirname, "../../../shared/conformance");
const HERE = import.meta.dirname;

/** All of the validation, and the areas whose cases hold without exception, within a few minutes on two cores. */
const SHORT = [
  "validation/*",
  "bookinfo/*",
  "circuit-breaking/*",
  "cors/*",
  "egress/*",
  "fault-injection/*",
  "jwt-claim-routing/*",
  "load-balancing/*",
  "mesh-route-selection/*",
  "mirroring/*",
  "peer-authentication/*",
  "retry-policy/*",
  "timeouts/*",
  "traffic-shifting/*",
  "virtual-service/*",
];

function optionsOf(args: readonly string[]): readonly string[] {
  if (args.includes("--short")) {
    const others = args.filter((arg) => arg !== "--short");
    return ["--fast", "--jobs", "2", "--only", passable(SHORT).join(","), ...others];
  }
  if (args.includes("--only") || args.includes("--help")) return args;
  return ["--only", passable(["*"]).join(","), ...args];
}

/** The names of these cases but those that cannot pass, each of which is told. */
function passable(patterns: readonly string[]): readonly string[] {
  const names = globSync(join(SHARED, "istio/cases/*.json"))
    .flatMap((file) => JSON.parse(readFileSync(file, "utf8")) as readonly { readonly id: string }[])
    .map(({ id }) => id)
    .filter((id) =>
      patterns.some((pattern) => id === pattern || (pattern.endsWith("*") && id.startsWith(pattern.slice(0, -1)))),
    );
  const left = UNPASSABLE.filter((one) => names.includes(one.case));
  for (const one of left) console.log(`not run: ${one.case}: ${one.reason}; tried by ${one.triedBy}`);
  return names.filter((name) => left.every((one) => one.case !== name));
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
