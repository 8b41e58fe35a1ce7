import { PROJECT_FINDINGS } from "../../src/deployment/project-finding-codes.ts";
import { FINDINGS, type FindingCode, kindOfFinding } from "../../src/resources/finding-codes.ts";
import { SEVERITIES } from "../../src/resources/finding-kind.ts";
import { ISTIO_CODES } from "./istio-codes.ts";

const HEAD = `# Findings

<!-- Made by \`npm run docs\` from the code's own table; a test fails where it is not what that says. -->

What the mesh has to say of an object, each with a code that never changes its meaning. An **error** refuses the write; the
answer names the field, \`tulle analyze\` the code as well. A **warning** is answered by the write, in \`Warning\` headers and in \`warnings\` of the
plain API. Warnings and **infos** stand in the object's condition \`Accepted\`, which \`kubectl describe\` shows, with the code at the
end of each.

[\`tulle analyze\`](cli.md) says all of it: of files before anybody applies them, without a mesh, and of the mesh as it is. Programs ask
\`GET /api/v1/findings\`.

## Silencing

An annotation on the object takes codes out of all that is said of it; \`*\` takes out all. Errors are never silenced:

\`\`\`yaml
metadata:
  annotations:
    tulle.dev/analyze-suppress: TULLE0102,TULLE0301
\`\`\`

\`galley.istio.io/analyze-suppress\` is read too: Istio's codes silence those of ours that say the same.`;

/** The text of docs/findings.md. */
export function findingsPage(): string {
  const codes = Object.keys(FINDINGS).toSorted() as FindingCode[];
  const sections = SEVERITIES.flatMap((severity) => {
    const rows = codes.filter((code) => kindOfFinding(code).severity === severity).map(rowOf);
    const head = ["| code | what is the case | how to mend it | Istio's |", "| --- | --- | --- | --- |"];
    return rows.length === 0 ? [] : [`## ${TITLES[severity]}`, [...head, ...rows].join("\n")];
  });
  return `${[HEAD, ...sections, PROJECT, projectTable(), ISTIO, istioTable(codes)].join("\n\n")}\n`;
}

const TITLES = { error: "Errors", warning: "Warnings", info: "Infos" } as const;

function rowOf(code: FindingCode): string {
  const { name, meaning, mend, istio = [] } = kindOfFinding(code);
  return `| \`${code}\` ${name} | ${meaning} | ${mend} | ${istio.join(", ")} |`;
}

const PROJECT = `## Findings of a folder of Workers

What [\`tulle init\` and \`tulle check\`](cli.md) say of wrangler's configurations and of the Workers' code. For hints like \`TULLE1105\` and
\`TULLE1108\` the text of the code is looked at, which proves nothing.`;

function projectTable(): string {
  const rows = Object.entries(PROJECT_FINDINGS).map(
    ([code, { name, severity, meaning, mend }]) => `| \`${code}\` ${name} | ${severity} | ${meaning} | ${mend} |`,
  );
  return ["| code | severity | what is the case | how to mend it |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

const ISTIO = `## Istio's codes

What \`istioctl analyze\` says of the same kinds of objects, and where it is said here.`;

function istioTable(codes: readonly FindingCode[]): string {
  const rows = Object.entries(ISTIO_CODES).map(([code, { says, never }]) => {
    const ours = codes.filter((own) => kindOfFinding(own).istio?.includes(code));
    const here = never === undefined ? ours.map((own) => `\`${own}\``).join(", ") : `cannot be: ${never}`;
    return `| ${code} | ${says} | ${here === "" ? "not said yet" : here} |`;
  });
  return ["| code | what it says | here |", "| --- | --- | --- |", ...rows].join("\n");
}
