import { SCOPE, at, type Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Says who may do what; without an ALLOW policy for a workload, everybody may do everything.",
  spec: "The workloads and the rules for requests to them.",
  ...at(["spec"], SCOPE),
  "spec.action":
    "What happens to requests that match: ALLOW (the default) or DENY, which counts before any ALLOW; CUSTOM asks a provider before both; AUDIT only has them logged and counted.",
  "spec.provider": "Who is asked by CUSTOM.",
  "spec.provider.name": "Name among `extensionProviders` of the MeshConfig; whom nobody knows refuses.",
  "spec.rules": "Requests that match: one of the rules must hold. No rules match nothing, the rule `{}` matches all.",
  "spec.rules.from": "Who calls: one of the sources must hold.",
  "spec.rules.from.source": "All its fields must hold, and of a field one value.",
  ...at(["spec.rules.from.source"], {
    principals: "Verified identities of callers, such as `cluster.local/ns/shop/sa/cart`; `*` may stand at one end.",
    notPrincipals: "Identities that the caller must not have; holds also for a caller without identity.",
    requestPrincipals: "Verified tokens, as issuer, `/` and subject; `*` may stand at one end.",
    notRequestPrincipals: "Tokens that the request must not have; holds also for a request without token.",
    namespaces: "Namespaces of callers, from their verified identity; each `*` is a wildcard.",
    notNamespaces: "Namespaces that the caller must not be from.",
    serviceAccounts:
      "Service accounts of callers, as `namespace/account`, or `account` in the policy's own namespace; whole names, not beside principals or namespaces.",
    notServiceAccounts: "Service accounts that the caller must not have; holds also for a caller without identity.",
    trustDomains: "Trust domains of callers; `*` may stand at one end. Aliases of the mesh's own mean that.",
    notTrustDomains: "Trust domains that the caller must not be of; holds also for a caller without identity.",
    ipBlocks:
      "Addresses and ranges of who connected, as the platform tells it. A call of a service binding has no address.",
    notIpBlocks: "Addresses and ranges that nobody may connect from.",
    remoteIpBlocks:
      "Addresses and ranges of the client: of who connected, or of whom `numTrustedProxies` proxies say to be behind.",
    notRemoteIpBlocks: "Addresses and ranges that the client must not have.",
  }),
  "spec.rules.to": "What is called: one of the operations must hold.",
  "spec.rules.to.operation": "All its fields must hold, and of a field one value.",
  ...at(["spec.rules.to.operation"], {
    hosts: "Host headers, in any case, with the port if the client sent one.",
    notHosts: "Host headers that the request must not have.",
    ports:
      "Ports of the workload: the `targetPort` of its Service, or that of its endpoint; of a Gateway the port of the server.",
    notPorts: "Ports that are not meant.",
    methods: "Methods, in capitals.",
    notMethods: "Methods that the request must not have.",
    paths: "Normalized paths without query; `*` at one end, or templates with `{*}` and `{**}`.",
    notPaths: "Paths that the request must not have.",
    pathRegex: "Of this mesh alone: an RE2 expression for the whole path, in place of `paths`.",
  }),
  "spec.rules.when": "Further conditions, all of which must hold.",
  "spec.rules.when.key":
    "What is looked at: `request.headers[name]`, `source.*`, `remote.ip`, `destination.port`, `connection.sni`, `request.auth.*`, `request.auth.claims[name]` or `tulle.dev/protocol` (`http`, `workers-rpc`).",
  "spec.rules.when.values": "One of them it must be.",
  "spec.rules.when.notValues": "None of them it may be.",
};
