import { checkNamespace, Namespace } from "../../../resources/core.ts";
import { CORE_AGE, text, textOf, valueAt } from "../../columns.ts";
import { coreKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

export const NAMESPACE = coreKind({
  kind: "Namespace",
  plural: "namespaces",
  shortNames: ["ns"],
  namespaced: false,
  hasStatus: true,
  reader: reader(Namespace, checkNamespace),
  entries: ({ metadata }) => [["namespace", metadata.name]],
  columns: [
    text("Status", "Whether it is in use or being deleted.", ({ status }) => textOf(valueAt(status, "phase"))),
    CORE_AGE,
  ],
  descriptions: {
    "": "A part of the mesh with names, policies and rights of its own.",
    spec: "Kept as Kubernetes writes it.",
  },
  keptFields: {
    spec: ["finalizers[]"],
    status: ["phase"],
  },
});
