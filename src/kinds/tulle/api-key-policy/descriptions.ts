import { at, type Descriptions, SCOPE } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Says which workloads want an API key; the keys are those of the policy's own namespace, which `tulle key create` makes.",
  spec: "The workloads, and where their clients send the key.",
  ...at(["spec"], SCOPE),
  "spec.header": "Header that holds the key, `x-api-key` by default; it is taken out before the request is sent on.",
  "spec.presence":
    "Required, the default, refuses a request without a key; Optional lets it pass. A key that is there must be good.",
};
