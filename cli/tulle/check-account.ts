import { z } from "zod";
import { meshSecretsOf, namelessServices, requiredSecrets } from "../../project/check-project.ts";
import type { ReadMeshFile } from "../../project/mesh-file.ts";
import type { Project } from "../../project/read-project.ts";
import type { AccountFacts, WorkerSecrets } from "../../src/deployment/account-checks.ts";
import type { Result } from "../../src/result.ts";
import { wranglerIn } from "../deploy/wrangler.ts";

/** Asks wrangler, and by it the account, what a deployment will meet. */
export async function lookAtAccount(meshFile: ReadMeshFile | null, project: Project | null): Promise<AccountFacts> {
  const folder = meshFile?.folder ?? process.cwd();
  const wrangler = wranglerIn(folder);
  const login = whyNot(await wrangler(["whoami", "--json"]));
  const meshSecrets = project === null ? "none" : meshSecretsOf(folder, project.topology);
  const required = project === null ? [] : requiredSecrets(project);
  const secrets: WorkerSecrets[] = [];
  const gateways: { readonly worker: string; readonly set: readonly string[] | null }[] = [];
  const setOf = async (worker: string): Promise<readonly string[] | null> =>
    namesIn(await wrangler(["secret", "list", "--name", worker, "--format", "json"]));
  if (login === null) {
    for (const one of required) secrets.push({ ...one, set: await setOf(one.worker) });
    for (const { name } of project?.topology.gateways ?? []) gateways.push({ worker: name, set: await setOf(name) });
  }
  const nameless = project === null ? [] : namelessServices(project);
  return { login, nameless, meshSecrets, secrets, gateways };
}

function whyNot(ran: Result<string, string>): string | null {
  if (/"loggedIn":\s*false/.test(ran.ok ? ran.value : ran.error)) return "wrangler is not logged in, and has no token";
  return ran.ok ? null : `\`wrangler whoami\` failed: ${firstWords(ran.error)}`;
}

/** After the line that names the command; wrangler marks errors, and says at length what may be the cause. */
function firstWords(text: string): string {
  const [, ...lines] = text.split("\n").map((line) => line.replace(/^\W*(?:\[?ERROR\]?)?\s*/, "").trim());
  return lines.find((line) => line !== "") ?? "it says nothing";
}

const Listed = z.array(z.looseObject({ name: z.string() }));

function namesIn(listed: Result<string, string>): readonly string[] | null {
  if (!listed.ok) return null;
  try {
    return Listed.parse(JSON.parse(listed.value)).map(({ name }) => name);
  } catch {
    return null;
  }
}
