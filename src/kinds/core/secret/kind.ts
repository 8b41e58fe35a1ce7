import { checkSecret, Secret, withEncodedText } from "../../../resources/core.ts";
import { CORE_AGE, countOf, text, textOf } from "../../columns.ts";
import { coreKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

export const SECRET = coreKind({
  kind: "Secret",
  plural: "secrets",
  shortNames: [],
  flat: true,
  reader: reader(Secret, checkSecret, withEncodedText),
  columns: [
    text("Type", "What it is for; tells which values must be there.", ({ type }) => textOf(type)),
    text("Data", "How many values it holds.", ({ data }) => String(countOf(data))),
    CORE_AGE,
  ],
  descriptions: {
    "": "Passwords, keys and certificates; kept encrypted, and shown to nobody who may only read.",
    type: "What it is for; `kubernetes.io/tls` needs `tls.crt` and `tls.key`. It cannot be changed.",
    data: "Values by their keys, in base64.",
    stringData: "Values as text, for writing only; they become a part of `data`.",
    immutable: "Whether the data can no longer be changed, only deleted with the object.",
  },
});
