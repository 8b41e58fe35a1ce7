import type { CheckId, CheckResult } from "./check-kinds.ts";
import { PROJECT_FINDINGS, type ProjectFinding, type ProjectFindingCode } from "./project-finding-codes.ts";

/** What is known of a project on disk. */
export interface ProjectFacts {
  /** Why the mesh file cannot be read; null: it can. */
  readonly meshFile: string | null;
  readonly findings: readonly ProjectFinding[];
  /** Of Workers that the mesh file does not name. */
  readonly unnamed: readonly { readonly config: string; readonly worker: string }[];
  /** Configurations that the mesh file names. */
  readonly named: readonly string[];
  /** What no command takes of the file, as it is told. */
  readonly problems: string;
  /** Services that keep their own routes. */
  readonly open: readonly string[];
  /** Routes past a gateway in the mesh of an environment, a line each; absent: as the findings say of the file's own mesh. */
  readonly routes?: readonly string[] | undefined;
  /** Secrets that are not there for the local mesh, a line each. */
  readonly secretless: readonly string[];
  /** Errors of the objects in `policies`, a line each. */
  readonly policyErrors: readonly string[];
}

/** Of a configuration that is named: that it was not taken is an error. */
const UNTAKEN: readonly ProjectFindingCode[] = ["TULLE1003", "TULLE1004", "TULLE1005"];

export function projectChecks(facts: ProjectFacts): readonly CheckResult[] {
  const { meshFile, findings, unnamed, named, problems, open, secretless, policyErrors } = facts;
  if (meshFile !== null) {
    const skipped: readonly CheckId[] = [
      "configurations",
      "names",
      "all-workers",
      "compatibility-dates",
      "calls-through-mesh",
      "public-routes",
      "policies",
      "local-secrets",
    ];
    return [
      { id: "mesh-file", outcome: "error", details: [meshFile] },
      ...skipped.map((id) => ({ id, outcome: "skipped" as const, details: ["the mesh file cannot be read"] })),
    ];
  }
  const told = (...codes: readonly ProjectFindingCode[]) => findings.filter(({ code }) => codes.includes(code));
  const untaken = told(...UNTAKEN).filter(({ config }) => named.includes(config));
  const routes = facts.routes ?? told("TULLE1201").map(line);
  return [
    { id: "mesh-file", outcome: "ok", details: [] },
    failing("configurations", [...told("TULLE1001", "TULLE1008"), ...untaken].map(line)),
    failing("names", problems === "" ? [] : problems.split("\n"), told("TULLE1002").map(line)),
    failing(
      "all-workers",
      [],
      unnamed.map(({ config, worker }) => `${config}: \`${worker}\``),
    ),
    failing("compatibility-dates", told("TULLE1006").map(line), told("TULLE1007", "TULLE1011").map(line)),
    failing("calls-through-mesh", [], told("TULLE1101", "TULLE1102", "TULLE1104", "TULLE1107", "TULLE1108").map(line)),
    failing(
      "public-routes",
      routes,
      open.map((service) => `\`${service}\` keeps its own (\`allowPublicRoutes\`)`),
    ),
    failing("policies", policyErrors),
    failing("local-secrets", [], secretless),
  ];
}

/** An error where there are errors, else a warning where there are warnings. */
export function failing(id: CheckId, errors: readonly string[], warnings: readonly string[] = []): CheckResult {
  const outcome = errors.length > 0 ? "error" : warnings.length > 0 ? "warning" : "ok";
  return { id, outcome, details: [...errors, ...warnings] };
}

export function skipped(ids: readonly CheckId[], why: string): readonly CheckResult[] {
  return ids.map((id) => ({ id, outcome: "skipped", details: [why] }));
}

function line({ code, config, message }: ProjectFinding): string {
  return `${config}: ${message} [${code} ${PROJECT_FINDINGS[code].name}]`;
}
