import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { Description } from "./description.ts";
import { type Places, writeStep } from "./files.ts";
import { type DeployStep, planDeployments } from "./plan.ts";
import { makeSecrets } from "./secrets.ts";
import { workersOf } from "./workers.ts";
import { wrangler } from "./wrangler.ts";

const USAGE = `npm run deploy -- [--file FILE] [--state DIR] [--plan]

  --file FILE   what to deploy (default: examples/bookinfo/deploy.json)
  --state DIR   keeps the database's id and the generated files; ignored by git (default: .deploy)
  --plan        print the steps and write the configurations, deploy nothing

Needs \`wrangler login\`, or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.`;

/** What a first deployment leaves for the next. */
const Kept = z.strictObject({ databaseId: z.string(), snapshotKeys: z.array(z.string()).min(1) });

const UNKNOWN_ID = "00000000-0000-0000-0000-000000000000";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function readOptions(): { file: string; state: string; plan: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        file: { type: "string", default: "examples/bookinfo/deploy.json" },
        state: { type: "string", default: ".deploy" },
        plan: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

function readDescription(path: string): Description {
  if (!existsSync(path)) fail(`no such file: ${path}; say which with --file`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    fail(`${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = Description.safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path: at, message }) => `  ${at.join(".") || "(top)"}: ${message}`);
  return fail(`${path} cannot be deployed:\n${issues.join("\n")}`);
}

function describeStep({ worker, without, pass }: DeployStep): string {
  const again = pass === 2 ? ", again, now with all its bindings" : "";
  const left = without.length > 0 ? `, without its bindings to ${without.join(", ")} (they are not there yet)` : "";
  return `deploy the ${worker.role} Worker ${worker.name}${again}${left}`;
}

async function must(args: readonly string[], read = false): Promise<string> {
  const answer = await wrangler(args, read);
  if (answer.ok) return answer.value;
  return fail(stopped(answer.error));
}

function stopped(error: string): string {
  return `${error}\nNothing after this step was done; mend it and run the same command again.`;
}

/** The database's id: of the one with this name, else of a new one. */
async function database(name: string): Promise<string> {
  const Listed = z.array(z.looseObject({ uuid: z.string(), name: z.string() }));
  const find = async () =>
    Listed.parse(JSON.parse(await must(["d1", "list", "--json"], true))).find((each) => each.name === name)?.uuid;
  const found = await find();
  if (found !== undefined) return found;
  await must(["d1", "create", name]);
  return (await find()) ?? fail(`the database ${name} was created, but \`wrangler d1 list\` does not show it`);
}

async function main(): Promise<void> {
  const { file, state, plan } = readOptions();
  const description = readDescription(file);
  const project = resolve(import.meta.dirname, "../..");
  const places: Places = { project, output: resolve(state), description: dirname(resolve(file)) };
  mkdirSync(places.output, { recursive: true });
  const keptPath = join(places.output, "deployed.json");
  const kept = existsSync(keptPath) ? Kept.parse(JSON.parse(readFileSync(keptPath, "utf8"))) : null;
  const shown = (path: string) => relative(process.cwd(), path);

  if (plan) {
    const keys = kept?.snapshotKeys ?? ["(made at the first deployment)"];
    const steps = planDeployments(
      workersOf(description, { databaseId: kept?.databaseId ?? UNKNOWN_ID, snapshotKeys: keys }),
    );
    const lines = [
      kept ? `use the database ${description.mesh}` : `create or find the database ${description.mesh}`,
      "apply the migrations",
      ...(kept
        ? []
        : ["make the secrets and the key pair that signs snapshots, and set them with control's deployment"]),
      ...steps.map((step) => `${describeStep(step)}  (${shown(writeStep(step, places))})`),
    ];
    for (const [index, line] of lines.entries()) console.log(`${String(index + 1).padStart(2)}. ${line}`);
    return;
  }

  const databaseId = kept?.databaseId ?? (await database(description.mesh));
  const made = kept ? null : makeSecrets();
  const snapshotKeys = kept?.snapshotKeys ?? (made ? [made.publicKey] : []);
  const steps = planDeployments(workersOf(description, { databaseId, snapshotKeys }));
  const bootstrapPath = join(places.output, "bootstrap-secret");
  const secretsPath = join(places.output, "secrets.json");
  let done = 0;
  for (const step of steps) {
    done += 1;
    console.log(`[${done}/${steps.length}] ${describeStep(step)}`);
    const config = writeStep(step, places);
    if (step.worker.role !== "control") {
      await must(["deploy", "--config", config]);
      continue;
    }
    await must(["d1", "migrations", "apply", description.mesh, "--remote", "--config", config]);
    if (!made) {
      await must(["deploy", "--config", config]);
      continue;
    }
    writeFileSync(secretsPath, JSON.stringify(made.secrets), { mode: 0o600 });
    const deployed = await wrangler(["deploy", "--config", config, "--secrets-file", secretsPath], false);
    rmSync(secretsPath);
    if (!deployed.ok) fail(stopped(deployed.error));
    // Kept only now: had the deployment failed, the next run would make new secrets and set them.
    writeFileSync(keptPath, `${JSON.stringify({ databaseId, snapshotKeys }, null, 2)}\n`);
    writeFileSync(bootstrapPath, made.secrets.BOOTSTRAP_SECRET, { mode: 0o600 });
  }
  console.log(
    `Deployed. The first administrator's token: npx tulle token bootstrap --server https://CONTROL --token-file ${shown(bootstrapPath)} -o kubeconfig`,
  );
}

await main();
