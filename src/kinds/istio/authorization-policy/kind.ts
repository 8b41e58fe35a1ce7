import { policyEntries } from "../../../compile/entries.ts";
import { AuthorizationPolicy, checkAuthorizationPolicy } from "../../../resources/authorization-policy.ts";
import { AGE, field } from "../../columns.ts";
import { securityKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkSelector } from "../selectors.ts";
import { checkProvider } from "./provider.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const AUTHORIZATION_POLICY = securityKind({
  kind: "AuthorizationPolicy",
  plural: "authorizationpolicies",
  shortNames: ["ap"],
  reader: reader(AuthorizationPolicy, checkAuthorizationPolicy),
  entries: policyEntries("authorization"),
  check: (world, object) => [...checkSelector(world, object), ...checkProvider(world, object)],
  columns: [field("Action", "What happens to the requests that the policy matches.", "spec", "action"), AGE],
  descriptions: DESCRIPTIONS,
});
