import type { Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Whose tokens of an OpenID Connect issuer enrol which workload.",
  spec: "The rule.",
  "spec.issuer": "`iss` of the tokens, as it stands there.",
  "spec.audience": "The only `aud` of the tokens: `tulle://` and the mesh's trust domain, which is meant without it.",
  "spec.jwksUri": "Where the issuer's keys are; without it and `jwks` they are found by OpenID Connect discovery.",
  "spec.jwks": "The issuer's keys, where control cannot reach it.",
  "spec.subject":
    "`sub` of the tokens, part by part between `:`. `*` is any whole part, `{name}` too, and gives it a name; of pull requests only what is written out.",
  "spec.namespace": "Of the workload: a DNS label, in which one `{name}` of `subject` may stand.",
  "spec.serviceAccount": "Of the workload, likewise.",
};
