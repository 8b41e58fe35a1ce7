import { checkGateway, Gateway } from "../../../resources/gateway.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkAmongOthers, entries } from "./check.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const GATEWAY = networkingKind({
  kind: "Gateway",
  plural: "gateways",
  shortNames: ["gw"],
  reader: reader(Gateway, checkGateway),
  entries,
  check: checkAmongOthers,
  // It serves nothing until whoever listens for it has said so.
  firstConditions: [{ type: "Programmed", status: "False", reason: "Pending", message: "nobody listens for it yet" }],
  descriptions: DESCRIPTIONS,
});
