import type { FindingKind } from "./finding-kind.ts";

/** 02: rules that do nothing; 03: objects that stand against each other. */
export const RULE_FINDINGS = {
  TULLE0201: {
    name: "DeadRule",
    severity: "warning",
    meaning: "a route is never reached: rules before it take every request that it matches",
    mend: "move it up, narrow the rules before it, or delete it",
    istio: ["IST0130"],
  },
  TULLE0202: {
    name: "UselessMatch",
    severity: "info",
    meaning: "one match of a rule takes nothing: another one, of it or of a rule before it, takes every such request",
    mend: "delete the match, or narrow the other one",
    istio: ["IST0131"],
  },
  TULLE0203: {
    name: "NeverMatches",
    severity: "warning",
    meaning: "a match, or a value of a policy, that no request can have",
    mend: "the message says what form requests have: a path begins with `/`, a method stands in capitals",
  },
  TULLE0204: {
    name: "DroppedDelegate",
    severity: "warning",
    meaning:
      "a delegate's rule asks for what the root's rule does not match, or both have too many match blocks to be joined: it is left out",
    mend: "narrow the delegate's match to the root's, `prefix` under `prefix`; of two regular expressions only one may stand",
  },
  TULLE0205: {
    name: "LoneWeight",
    severity: "warning",
    meaning: "a single destination has a weight other than 100: it gets every request all the same",
    mend: "leave the weight out, or add the destinations that get the rest",
  },
  TULLE0206: {
    name: "NoWeight",
    severity: "warning",
    meaning: "a destination has no weight, and others beside it have one: it gets nothing",
    mend: "give it a weight, or take it out",
  },
  TULLE0207: {
    name: "ZeroWeight",
    severity: "info",
    meaning: "a destination of several has the weight 0: it gets nothing",
    mend: "nothing to do while it is meant so; else give it a weight",
  },
  TULLE0208: {
    name: "OddSum",
    severity: "info",
    meaning: "the weights of a route sum to almost 100: each is a part of their sum, not of 100",
    mend: "let them sum to 100",
  },
  TULLE0209: {
    name: "RepeatedDestination",
    severity: "info",
    meaning: "a route names one destination twice: the weights add up",
    mend: "keep one of them with both weights, or name the subset or port that was meant",
  },
  TULLE0301: {
    name: "HostTaken",
    severity: "warning",
    meaning: "in the mesh one VirtualService routes a host, and an older one does: this one has no effect on it",
    mend: "put the rules into one VirtualService, or use a root with delegates",
    istio: ["IST0109"],
  },
  TULLE0302: {
    name: "ShadowedEntry",
    severity: "warning",
    meaning: "a Service has the host of a ServiceEntry: the entry has no effect on it",
    mend: "give the entry another host, or delete one of the two",
  },
  TULLE0303: {
    name: "MixedProtocols",
    severity: "warning",
    meaning: "two servers of a Gateway speak different protocols on one port: the first one wins",
    mend: "give the second server a port of its own",
  },
  TULLE0304: {
    name: "SecondPeerAuthentication",
    severity: "warning",
    meaning:
      "several PeerAuthentications, or Telemetries, are for one whole namespace, or for one workload: the oldest counts, the others do nothing there",
    mend: "keep one without a selector in each namespace, and one for each workload",
    istio: ["IST0159", "IST0160"],
  },
  TULLE0305: {
    name: "IgnoredPolicy",
    severity: "warning",
    meaning: "a policy that does nothing where it stands, or denies nothing, or takes no token, as it is written",
    mend: "the message says why: move it to the workload's namespace, or give it rules",
    istio: ["IST0167"],
  },
  TULLE0306: {
    name: "BrokenOther",
    severity: "warning",
    meaning: "by this write another object is not accepted any more: what it says does not hold now",
    mend: "mend the object that the message names, or take the write back",
  },
  TULLE0307: {
    name: "Redefined",
    severity: "warning",
    meaning: "the files hold an object twice: the one that comes last holds",
    mend: "keep one of them, or give one another name or namespace",
  },
  TULLE0309: {
    name: "HostNotExposed",
    severity: "warning",
    meaning: "a VirtualService's host, or all of its hosts, are none that its Gateway exposes: nothing is routed there",
    mend: "let both name the host; a Gateway's `namespace/host` says whose VirtualServices it takes",
    istio: ["IST0132"],
  },
  TULLE0310: {
    name: "RuleOfSharedHost",
    severity: "warning",
    meaning:
      "several DestinationRules of a namespace are for one host: of the younger one the traffic policy, or a subset that is there already, does not count",
    mend: "put all into one DestinationRule",
    istio: ["IST0109"],
  },
  TULLE0311: {
    name: "ConflictingGateways",
    severity: "warning",
    meaning:
      "two Gateways expose one host on one port to the same workload: where no listener says which is meant, the older one serves it",
    mend: "put both into one Gateway, or give them other hosts, ports or selectors",
    istio: ["IST0145"],
  },
  TULLE0312: {
    name: "SecondCatchAll",
    severity: "warning",
    meaning: "at a Gateway two VirtualServices of one host have a rule that takes every request: the older one's holds",
    mend: "give one of the rules a match, or delete it",
  },
  TULLE0313: {
    name: "MeshRulesOnly",
    severity: "info",
    meaning:
      "a Gateway sends requests to all endpoints of a service whose subsets a VirtualService of the mesh chooses",
    mend: "name the Gateway in that VirtualService, beside `mesh`, or the subset in this one",
    istio: ["IST0140"],
  },
  TULLE0314: {
    name: "EntryProtocols",
    severity: "warning",
    meaning: "two ServiceEntries give one port of a host different protocols: that of the older one holds",
    mend: "let both say the same, or keep one",
    istio: ["IST0177"],
  },
  TULLE0320: {
    name: "SecondSidecar",
    severity: "warning",
    meaning: "several Sidecars are for the same callers: the oldest counts",
    mend: "keep one without a selector in each namespace, and one for each set of labels",
    istio: ["IST0110", "IST0111"],
  },
  TULLE0321: {
    name: "SharedAccount",
    severity: "warning",
    meaning:
      "callers are chosen by labels, and workloads with other labels have the same service account: of a caller no more than that is proven, so none of them is meant",
    mend: "give workloads with different labels service accounts of their own",
  },
} as const satisfies Readonly<Record<`TULLE${number}`, FindingKind>>;
