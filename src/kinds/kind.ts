import type { CompiledKind } from "../compile/world.ts";
import type { Condition } from "../resources/conditions.ts";
import type { KindInfo } from "../resources/kinds.ts";
import type { KubeObject } from "../resources/object.ts";
import { AGE, type Column, CORE_AGE, meshColumns, NAME } from "./columns.ts";
import type { Descriptions } from "./descriptions.ts";
import { type KeyedLists, lists } from "./list-keys.ts";
import type { Properties } from "./openapi.ts";
import type { SpecReader } from "./reader.ts";

/** All that the API and the compiler know of one kind. */
export interface Kind extends KindInfo, CompiledKind {
  /** Null: no client writes them. */
  readonly reader: SpecReader | null;
  /** What stands beside `metadata`, where no reader says it. */
  readonly fields: Properties;
  /** What `kubectl get` prints. */
  readonly columns: readonly Column[];
  /** By path within the object; empty for the kind itself. */
  readonly descriptions: Descriptions;
  readonly keptFields: KeptFields;
  readonly lists: KeyedLists;
  /** What field selectors look at. */
  readonly selectable: Readonly<Record<string, (object: KubeObject) => string>>;
  /** Addresses that an object writes, with their places; a client certificate's binding counts as one. */
  readonly addresses: (object: KubeObject) => readonly { readonly address: string; readonly field: string }[];
  /** Whether an object made another one, which goes with it; absent: none makes any. */
  readonly owns?: (owner: KubeObject, object: KubeObject) => boolean;
  /** Conditions that a new object has from the start. */
  readonly firstConditions: readonly Omit<Condition, "lastTransitionTime" | "observedGeneration">[];
}

/**
 * Fields of Kubernetes' own kinds that are kept without being read, by the path of their object: `name` a text, `name#` a
 * number, `name?` true or false, `name{}` an object, `name*` anything, `name[]` a list of texts, `name[#]` of numbers,
 * `name[{}]` of objects.
 *
 * kubectl before 1.25 refuses by itself what a schema with fields does not name, even where the schema says that others may
 * stand there. Newer ones too work out a strategic patch by the schema only where it names each object and list in the object;
 * else they warn, and patch by what Kubernetes says of the kind.
 */
export type KeptFields = Readonly<Record<string, readonly string[]>>;

type Given = Pick<Kind, "kind" | "plural" | "shortNames" | "reader" | "descriptions"> & Partial<Kind>;

const METADATA = {
  "metadata.name": ({ metadata }: KubeObject) => metadata.name,
  "metadata.namespace": ({ metadata }: KubeObject) => metadata.namespace ?? "",
};

const NOTHING = { entries: () => [], check: () => [], registrations: () => [], callers: () => [], addresses: () => [] };

/** One of Kubernetes' own. */
export function coreKind({ columns = [CORE_AGE], selectable = {}, ...given }: Given): Kind {
  return {
    group: "",
    version: "v1",
    versions: ["v1"],
    aliases: [],
    singular: given.kind.toLowerCase(),
    categories: [],
    namespaced: true,
    core: true,
    flat: false,
    readOnly: given.reader === null,
    hasStatus: false,
    fields: {},
    keptFields: {},
    lists: lists(),
    firstConditions: [],
    ...NOTHING,
    ...given,
    columns: [NAME, ...columns],
    selectable: { ...METADATA, ...selectable },
  };
}

/** One that the mesh compiles, and says in its status whether it did. */
export function meshKind({ columns = [AGE], ...given }: Given & Pick<Kind, "group">): Kind {
  return { ...coreKind({ core: false, hasStatus: true, ...given }), columns: [NAME, ...meshColumns(columns)] };
}

type Istio = Omit<Given, "group">;

export function networkingKind(given: Istio): Kind {
  return meshKind({
    group: "networking.istio.io",
    versions: ["v1", "v1beta1", "v1alpha3"],
    aliases: ["networking.example.com/v1"],
    categories: ["istio-io", "networking-istio-io", "all"],
    ...given,
  });
}

export function securityKind(given: Istio): Kind {
  return meshKind({
    group: "security.istio.io",
    versions: ["v1", "v1beta1"],
    aliases: ["security.example.com/v1"],
    categories: ["istio-io", "security-istio-io", "all"],
    ...given,
  });
}

export function telemetryKind(given: Istio): Kind {
  return meshKind({
    group: "telemetry.istio.io",
    versions: ["v1", "v1alpha1"],
    categories: ["istio-io", "telemetry-istio-io", "all"],
    ...given,
  });
}
