import { checkProxyConfig, ProxyConfig } from "../../../resources/proxy-config.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

export const PROXY_CONFIG = networkingKind({
  kind: "ProxyConfig",
  plural: "proxyconfigs",
  shortNames: [],
  // Istio has it in this version alone.
  version: "v1beta1",
  versions: ["v1beta1"],
  aliases: [],
  reader: reader(ProxyConfig, checkProxyConfig),
  descriptions: {
    "": "Settings of Istio's sidecars, which do not exist here: taken where it says nothing.",
    spec: "The settings: none works here.",
    "spec.selector": "Which workloads it is for; only one without labels is taken.",
  },
});
