import { Badge } from "../parts/badge.tsx";
import { ObjectLink } from "../parts/object-link.tsx";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import { type ListedKind, kindNamed, LISTED_KINDS, listPath, type StoredObject } from "../kinds.ts";
import type { PageProps } from "../pages.ts";
import { session } from "../state/api.ts";
import { setQuery } from "../state/location.ts";
import { useData } from "../state/use-data.ts";
import { verdictOf } from "../verdict.ts";

const REFRESH_MS = 15_000;

export interface Finding {
  readonly code: string;
  readonly name: string;
  readonly severity: "error" | "warning" | "info";
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly field: string;
  readonly message: string;
}

export interface Findings {
  readonly generation: number;
  readonly objects: number;
  readonly findings: readonly Finding[];
}

export const TONES = { error: "bad", warning: "warn", info: "plain" } as const;

/** What is stored, what it does, and what is wrong with it. */
export function Policies({ query }: PageProps) {
  const findings = useData<Findings>("/api/v1/findings", REFRESH_MS);
  const shown = query["kind"] === undefined ? LISTED_KINDS[0] : kindNamed(query["kind"]);
  return (
    <>
      <h1>Policies</h1>
      <Shown data={findings}>
        {({ findings: found, objects }) => (
          <section aria-labelledby="findings">
            <h2 id="findings">Findings</h2>
            <Table
              caption={`${found.length} findings in ${objects} objects`}
              none={`Nothing is wrong with the ${objects} objects that were looked at.`}
              rows={found}
              keyOf={(each) => `${each.code} ${objectKey(each.object)} ${each.field} ${each.message}`}
              columns={[
                { head: "Severity", cell: ({ severity }) => <Badge tone={TONES[severity]}>{severity}</Badge> },
                { head: "Object", cell: ({ object }) => <ObjectLink {...object} /> },
                { head: "Code", cell: ({ code }) => <code>{code}</code>, wide: true },
                { head: "What", cell: ({ field, message }) => (field === "" ? message : `${field}: ${message}`) },
              ]}
            />
          </section>
        )}
      </Shown>
      <section aria-labelledby="objects">
        <h2 id="objects">Objects</h2>
        <label>
          Kind{" "}
          <select value={shown?.kind ?? ""} onChange={(event) => setQuery({ kind: event.currentTarget.value })}>
            {LISTED_KINDS.map(({ kind }) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
        {shown && <Objects key={shown.kind} kind={shown} findings={findings.value?.findings ?? []} />}
      </section>
    </>
  );
}

function Objects({ kind, findings }: { readonly kind: ListedKind; readonly findings: readonly Finding[] }) {
  const listed = useData<{ readonly items: readonly StoredObject[] }>(
    listPath(kind, session.value?.namespace ?? null),
    REFRESH_MS,
  );
  const countOf = ({ metadata: { namespace = "", name } }: StoredObject) =>
    findings.filter(({ object }) => object.kind === kind.kind && object.namespace === namespace && object.name === name)
      .length;
  return (
    <Shown data={listed}>
      {({ items }) => (
        <Table
          caption={`${kind.kind}, ${items.length}`}
          none={`There is no ${kind.kind}.`}
          rows={items}
          keyOf={({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`}
          columns={[
            {
              head: "Name",
              cell: ({ metadata }) => (
                <ObjectLink kind={kind.kind} namespace={metadata.namespace ?? ""} name={metadata.name} />
              ),
            },
            ...(kind.about === "policy"
              ? [
                  {
                    head: "What it does",
                    cell: (object: StoredObject) => {
                      const { text, tone } = verdictOf({ ...object, kind: kind.kind });
                      return <span class={`verdict ${tone}`}>{text}</span>;
                    },
                  },
                ]
              : []),
            { head: "Findings", isNumber: true, cell: (object) => countOf(object) },
            { head: "Created", wide: true, cell: ({ metadata }) => metadata.creationTimestamp ?? "" },
          ]}
        />
      )}
    </Shown>
  );
}

function objectKey({ kind, namespace, name }: Finding["object"]): string {
  return `${kind}/${namespace}/${name}`;
}
