import type { ColumnDefinition } from "../kinds/columns.ts";
import type { Kind } from "../kinds/kind.ts";
import type { KubeObject } from "../resources/object.ts";
import { type ListMeta, type MetaVersion, type PartialMetadata, partialMetadata } from "./accept.ts";

/** `metav1.Table`, what `kubectl get` prints. */
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: `meta.k8s.io/${MetaVersion}`;
  readonly metadata: ListMeta;
  readonly columnDefinitions: readonly ColumnDefinition[] | null;
  readonly rows: readonly TableRow[];
}

interface TableRow {
  /** One for each column; null prints as nothing. */
  readonly cells: readonly (string | null)[];
  readonly object?: PartialMetadata | KubeObject;
}

export interface TableOptions extends ListMeta {
  /** Epoch ms, to which ages are counted. */
  readonly now: number;
  /** In which the objects were asked for. */
  readonly apiVersion: string;
  /** What each row has beside its cells. */
  readonly includeObject: "None" | "Metadata" | "Object";
  /** Of the Table itself, and of the metadata in it. */
  readonly version: MetaVersion;
  /** False from the second event of a watch on: the columns are those of the first. */
  readonly withColumns: boolean;
}

/** As upstream's printer columns; what the mesh compiles has a `Status` before its age besides. */
export function columnsOf(info: Kind): readonly ColumnDefinition[] {
  return info.columns.map(({ definition }) => definition);
}

/**
 * A list, one object, or the object of a watch event (the only one of `objects`) in the form that `kubectl get` asks for.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
export function tableOf(info: Kind, objects: readonly KubeObject[], options: TableOptions): Table {
  const { now, version, withColumns, resourceVersion, continue: next } = options;
  const shown = info.columns;
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: {
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(next !== undefined && { continue: next }),
    },
    columnDefinitions: withColumns ? shown.map(({ definition }) => definition) : null,
    rows: objects.map((object) => ({
      cells: shown.map(({ cell }) => cell(object, now)),
      ...rowObject(object, options),
    })),
  };
}

function rowObject(object: KubeObject, options: TableOptions): Pick<TableRow, "object"> {
  switch (options.includeObject) {
    case "None":
      return {};
    case "Metadata":
      return { object: partialMetadata(object, options.version) };
    case "Object":
      return { object: { ...object, apiVersion: options.apiVersion } };
  }
}
