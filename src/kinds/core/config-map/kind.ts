import { checkConfigMap, ConfigMap, withCanonicalData } from "../../../resources/core.ts";
import { CORE_AGE, countOf, text } from "../../columns.ts";
import { coreKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

export const CONFIG_MAP = coreKind({
  kind: "ConfigMap",
  plural: "configmaps",
  shortNames: ["cm"],
  flat: true,
  reader: reader(ConfigMap, checkConfigMap, withCanonicalData),
  columns: [
    text("Data", "How many values it holds.", ({ data, binaryData }) => String(countOf(data) + countOf(binaryData))),
    CORE_AGE,
  ],
  descriptions: {
    "": "Settings for programs; kept, and without effect on the mesh.",
    data: "Texts by their keys.",
    binaryData: "Bytes by their keys, in base64; no key is in `data` too.",
    immutable: "Whether the data can no longer be changed, only deleted with the object.",
  },
});
