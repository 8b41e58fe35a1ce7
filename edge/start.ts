import { ProjectError } from "../project/mesh-file.ts";
import { onEndOfNpm, onEndOfParent } from "../project/parent.ts";
import { announcement } from "./announce.ts";
import { type LocalMesh, startMesh } from "./local-mesh.ts";
import { parseOptions, USAGE } from "./options.ts";
import { StartError } from "./start-error.ts";

// Another mesh's registry, named by the environment, would win over this mesh's own.
delete process.env["CLOUDFLARE_DEV_REGISTRY_PATH"];

const parsed = parseOptions(process.argv.slice(2));
if (!parsed.ok) {
  if (parsed.error === null) console.log(USAGE);
  else console.error(parsed.error);
  process.exit(parsed.error === null ? 0 : 2);
}
const options = parsed.value;

let mesh: LocalMesh | null = null;
let stopping = false;

async function end(code: number): Promise<void> {
  if (stopping) process.exit(code === 0 ? 130 : code);
  stopping = true;
  await mesh?.stop();
  process.exit(code);
}

/** The runtime's library ends the process at a signal before anything else is closed: its hooks give way to ours. */
function endOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => void end(0));
  }
}

function endWithParent(): void {
  if (!stopping) void end(0);
}

if (process.env["TULLE_DEV"] === undefined) onEndOfNpm((event) => event === "start", endWithParent);
else onEndOfParent(endWithParent);
const startedAt = performance.now();
try {
  mesh = await startMesh(
    options,
    (step) => {
      if (!options.json)
        console.error(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5)} s  ${step}`);
    },
    (line) => {
      if (!options.json) console.log(line);
    },
    (problem) => console.error(problem),
  );
} catch (error) {
  if (!(error instanceof StartError || error instanceof ProjectError)) console.error(error);
  else console.error(error.message);
  process.exit(1);
}
endOnSignals();
if (options.json) console.log(JSON.stringify(mesh.info));
else {
  console.error(announcement(mesh.info, mesh.accessLog, mesh.call));
  // Whoever reads a pipe or a log later must not find a way in there.
  const link = process.stderr.isTTY ? await mesh.dashboardLink() : null;
  if (link !== null) console.error(`The dashboard, signed in; the link works once, within a minute:\n\n  ${link}\n`);
}

const broken = await mesh.broken;
console.error(`${broken}; its last words are in the runtime's log of the state folder. Start again to mend it`);
await end(1);
