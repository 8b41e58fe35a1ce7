import { VERSION } from "../../project/built.ts";
import { FINDINGS, type FindingCode, kindOfFinding } from "../../src/resources/finding-codes.ts";
import type { Severity } from "../../src/resources/finding-kind.ts";
import type { Told } from "./analyze-files.ts";

const LEVELS: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", info: "note" };

/**
 * Findings as code hosts and editors take them.
 *
 * @see SARIF 2.1.0 https://docs.oasis-open.org/sarif/sarif/v2.1.0/
 */
export function sarif(findings: readonly Told[]): object {
  const codes = Object.keys(FINDINGS) as FindingCode[];
  const ids: readonly string[] = codes;
  const rules = codes.map((id) => {
    const { name, severity, meaning, mend } = kindOfFinding(id);
    return {
      id,
      name,
      shortDescription: { text: meaning },
      help: { text: mend },
      defaultConfiguration: { level: LEVELS[severity] },
    };
  });
  const results = findings.map((found) => ({
    ruleId: found.code,
    // A newer mesh may say what this program does not know.
    ...(ids.includes(found.code) && { ruleIndex: ids.indexOf(found.code) }),
    level: LEVELS[found.severity],
    message: { text: found.field === "" ? found.message : `${found.field}: ${found.message}` },
    locations: [locationOf(found)],
  }));
  const driver = { name: "tulle", version: VERSION, rules };
  return {
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [{ tool: { driver }, columnKind: "utf16CodeUnits", results }],
  };
}

function locationOf({ object, place }: Told): object {
  return {
    ...(place && {
      physicalLocation: {
        artifactLocation: { uri: place.file.split(/[\\/]/).map(encodeURIComponent).join("/") },
        region: { startLine: place.line, startColumn: place.column },
      },
    }),
    ...(object && {
      logicalLocations: [{ fullyQualifiedName: `${object.kind}/${object.namespace}/${object.name}`, kind: "object" }],
    }),
  };
}
