import { Badge } from "../parts/badge.tsx";
import { Shown } from "../parts/shown.tsx";
import { kindOf, listPath, type StoredObject } from "../kinds.ts";
import type { PageProps } from "../pages.ts";
import { useData } from "../state/use-data.ts";
import { verdictOf } from "../verdict.ts";
import { asYaml } from "../yaml.ts";
import { type Findings, TONES } from "./policies.tsx";

/** One object: what it does, what is wrong with it, and how it is stored. */
export function ObjectPage({ path: [plural = "", namespace = "", name = ""] }: PageProps) {
  const kind = kindOf(plural);
  const stored = useData<StoredObject>(
    kind === undefined ? null : `${listPath(kind, namespace)}/${encodeURIComponent(name)}`,
  );
  const findings = useData<Findings>(`/api/v1/findings?namespace=${encodeURIComponent(namespace)}`);
  if (kind === undefined) return <h1>No such kind</h1>;
  const found = (findings.value?.findings ?? []).filter(
    ({ object }) => object.kind === kind.kind && object.namespace === namespace && object.name === name,
  );
  return (
    <>
      <h1>
        {kind.kind} {namespace}/{name}
      </h1>
      <Shown data={stored}>
        {(object) => {
          const verdict = verdictOf({ ...object, kind: kind.kind });
          return (
            <>
              {verdict.text !== "" && (
                <p>
                  It <strong class={`verdict ${verdict.tone}`}>{verdict.text}</strong>.
                </p>
              )}
              {found.length > 0 && (
                <ul class="findings">
                  {found.map(({ code, severity, field, message }) => (
                    <li key={`${code} ${field} ${message}`}>
                      <Badge tone={TONES[severity]}>{severity}</Badge> <code>{code}</code>{" "}
                      {field === "" ? message : `${field}: ${message}`}
                    </li>
                  ))}
                </ul>
              )}
              <pre class="text" tabIndex={0} aria-label="as it is stored">
                {asYaml(withoutManagedFields(object, kind))}
              </pre>
            </>
          );
        }}
      </Shown>
    </>
  );
}

function withoutManagedFields(
  object: StoredObject,
  { kind, group, version }: { kind: string; group: string; version: string },
) {
  const { managedFields: _, ...metadata } = object.metadata as StoredObject["metadata"] & { managedFields?: unknown };
  return { apiVersion: `${group}/${version}`, kind, ...object, metadata };
}
