import type { APIKeyPolicySpec } from "../../resources/api-key-policy.ts";
import { DEFAULT_KEY_HEADER } from "../../resources/api-key-policy.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { ApiKeyPolicyModel } from "../../snapshot/api-key-model.ts";
import { namespaceOf } from "../view.ts";

/** Its keys are those of its own namespace. */
export function apiKeyModel(policy: KubeObject): ApiKeyPolicyModel {
  const { header = DEFAULT_KEY_HEADER, presence = "Required" } = policy.spec as APIKeyPolicySpec;
  const namespace = namespaceOf(policy);
  return {
    name: `${namespace}/${policy.metadata.name}`,
    namespace,
    header: header.toLowerCase(),
    ...(presence === "Required" && { required: true as const }),
  };
}
