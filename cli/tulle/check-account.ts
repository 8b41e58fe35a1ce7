import { z } from "zod";
import { meshSecretsOf, requiredSecrets } from "../../project/check-project.ts";
import type { ReadMeshFile } from "../../project/mesh-file.ts";
import type { Project } from "../../project/read-project.ts";
import type { AccountFacts, WorkerSecrets } from "../../src/deployment/account-checks.ts";
import { runWrangler, type Ran } from "./own-wrangler.ts";

/** Asks wrangler, and by it the account, what a deployment will meet. */
export async function lookAtAccount(meshFile: ReadMeshFile | null, project: Project | null): Promise<AccountFacts> {
  const folder = meshFile?.folder ?? process.cwd();
  const login = whyNot(await runWrangler(folder, ["whoami", "--json"]));
  const meshSecrets = project === null ? "none" : meshSecretsOf(folder, project.topology);
  const required = project === null ? [] : requiredSecrets(project);
  const secrets: WorkerSecrets[] = [];
  if (login === null)
    for (const one of required) {
      const listed = await runWrangler(folder, ["secret", "list", "--name", one.worker, "--format", "json"]);
      secrets.push({ ...one, set: namesIn(listed) });
    }
  return { login, meshSecrets, secrets };
}

function whyNot({ ok, output, all }: Ran): string | null {
  if (/"loggedIn":\s*false/.test(output)) return "wrangler is not logged in, and has no token";
  return ok ? null : `\`wrangler whoami\` failed: ${firstWords(all)}`;
}

/** wrangler underlines and colours, and says at length what may be the cause. */
function firstWords(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const lines = text.replaceAll(/\u001B\[[\d;]*m/g, "").split("\n");
  const told = lines.map((line) => line.replace(/^\W*(?:\[?ERROR\]?)?\s*/, "").trim()).find((line) => line !== "");
  return told ?? "it says nothing";
}

const Listed = z.array(z.looseObject({ name: z.string() }));

function namesIn({ ok, output }: Ran): readonly string[] | null {
  if (!ok) return null;
  try {
    return Listed.parse(JSON.parse(output)).map(({ name }) => name);
  } catch {
    return null;
  }
}
