import { z } from "zod";
import { text } from "./fields.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const ANY_CASE_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/i;
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** RFC 1123 label: lower case, digits and `-`, at most 63. */
export function isDnsLabel(name: string): boolean {
  return name.length <= 63 && LABEL.test(name);
}

/** RFC 1123 subdomain: labels joined by dots, at most 253. */
export function isDnsSubdomain(name: string): boolean {
  return name.length <= 253 && name.split(".").every((part) => LABEL.test(part));
}

/** A host name as people write it, in any case, without port or trailing dot. */
export function isHostName(host: string): boolean {
  return host.length <= 253 && host.split(".").every((part) => part.length <= 63 && ANY_CASE_LABEL.test(part));
}

/** Kubernetes' qualified name: `[prefix/]name`. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash >= 0 && !isDnsSubdomain(key.slice(0, slash))) return false;
  const name = key.slice(slash + 1);
  return name.length <= 63 && QUALIFIED.test(name);
}

function isLabelValue(value: string): boolean {
  return value === "" || (value.length <= 63 && QUALIFIED.test(value));
}

const LABEL_KEY_RULE =
  "a label key: letters, digits, `-`, `_` and `.`, at most 63, after an optional DNS prefix and `/`";
const LABEL_VALUE_RULE = "a label value: letters, digits, `-`, `_` and `.`, at most 63";

const labelKey = text(isLabelKey, LABEL_KEY_RULE);
export const labels = z.record(labelKey, text(isLabelValue, LABEL_VALUE_RULE));
export const namespaceName = text(isDnsLabel, "the name of a namespace: lower case, digits and `-`, at most 63");
export const objectName = text(isDnsSubdomain, "a name: lower case, digits, `-` and `.`, at most 253");
/** Host of a service: `reviews`, `reviews.default.svc.cluster.local`, `api.example.com`. */
export const hostName = text(isHostName, "a host name without port");

const NAME_RULE = "a name of at most 63 letters, digits and `-`";
const isAnyCaseLabel = (name: string): boolean => name.length <= 63 && ANY_CASE_LABEL.test(name);

/** What routes call a part of a service: a DNS label, in capitals too. */
export const subsetName = text(isAnyCaseLabel, NAME_RULE);
/** What a ServiceEntry calls a port: as above. */
export const portName = text(isAnyCaseLabel, NAME_RULE);
/** What a Sidecar may call one; an empty name is none, as in Istio. */
export const optionalPortName = text((name) => name === "" || isAnyCaseLabel(name), NAME_RULE).exactOptional();
