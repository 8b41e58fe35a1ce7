import { CHECK_GROUPS, CHECKS, type CheckGroup, type CheckKind } from "../../src/deployment/check-kinds.ts";

const HEAD = `# Checks

<!-- Made by \`npm run docs\` from the code's own table; a test fails where it is not what that says. -->

What [\`tulle check\`](cli.md) looks at, in its order. √ is well; ‼ may be meant so; × must be mended, and ends the command with 1; - could not
be looked at, and the line says why. \`-o json\` has the same with the ids of this page.

- \`tulle check\` in a project's folder looks at its files and at the mesh that runs: the local one, or the one of \`--kubeconfig\`.
- \`tulle check --pre\` looks at the files and at the account, before a deployment.
- Where there is no mesh file it looks at the mesh alone.

What only an account shows is not seen by it: routes and bindings that somebody changed in the dashboard, a Worker that was deployed by a
plain \`wrangler deploy\` and so binds its callees past their gateways. What the mesh made for wrangler is on disk, and is looked at.`;

/** The text of docs/checks.md. */
export function checksPage(): string {
  const all = Object.entries<CheckKind>(CHECKS);
  const groups = Object.entries(CHECK_GROUPS) as [CheckGroup, string][];
  const sections = groups.flatMap(([group, title]) => [
    `## ${title.slice(0, 1).toUpperCase()}${title.slice(1)}`,
    ...all.filter(([, kind]) => kind.group === group).map(([id, kind]) => part(id, kind)),
  ]);
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}

function part(id: string, { title, meaning, mend }: CheckKind): string {
  return `### ${id}\n\n${sentence(title)} If not: ${meaning}.\n\n${sentence(mend)}`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
