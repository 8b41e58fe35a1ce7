import type { Kind } from "../kinds/kind.ts";
import type { KubeObject } from "../resources/object.ts";
import { type Form, type ListMeta, partialMetadata, partialMetadataList } from "./accept.ts";
import { tableOf } from "./table.ts";

/** The forms that resources are answered in. */
export type ResourceForm = Exclude<Form, { readonly as: "discovery" }>;

export interface FormOptions {
  /** That was asked for: objects are stored in one version and answered in another's name. */
  readonly apiVersion: string;
  readonly includeObject: "None" | "Metadata" | "Object";
  /** Of a Table: false after the first event of a watch. */
  readonly withColumns: boolean;
  /** Epoch ms. */
  readonly now: number;
}

/** One object as a client asked for it. */
export function inForm(form: ResourceForm, info: Kind, object: KubeObject, options: FormOptions): unknown {
  switch (form.as) {
    case "json":
      return shown(object, options.apiVersion);
    case "metadata":
      return partialMetadata(object, form.version);
    case "table":
      return tableOf(info, [object], {
        ...options,
        version: form.version,
        ...(object.metadata.resourceVersion !== undefined && { resourceVersion: object.metadata.resourceVersion }),
      });
  }
}

/** A list as a client asked for it. */
export function listInForm(
  form: ResourceForm,
  info: Kind,
  objects: readonly KubeObject[],
  metadata: ListMeta,
  options: FormOptions,
): unknown {
  switch (form.as) {
    case "json":
      return {
        kind: `${info.kind}List`,
        apiVersion: options.apiVersion,
        metadata,
        items: objects.map((object) => shown(object, options.apiVersion)),
      };
    case "metadata":
      return partialMetadataList(objects, metadata, form.version);
    case "table":
      return tableOf(info, objects, { ...options, ...metadata, version: form.version });
  }
}

function shown(object: KubeObject, apiVersion: string): KubeObject {
  return { ...object, apiVersion };
}
