/** One sentence each, for `kubectl explain`. Lists and maps leave no trace in a path: `spec.http.match`. */
export type Descriptions = Readonly<Record<string, string>>;

/** The same fields at several places. */
export function at(paths: readonly string[], fields: Descriptions): Descriptions {
  const placed = paths.flatMap((path) => Object.entries(fields).map(([field, text]) => [`${path}.${field}`, text]));
  return Object.fromEntries(placed);
}

/** By path alone, for all kinds. */
export const COMMON_DESCRIPTIONS: Descriptions = {
  apiVersion: "Group and version of the kind.",
  kind: "What the object is.",
  metadata: "Name, labels and what the server keeps about the object.",
  "metadata.name": "Tells the object from others of its kind in the namespace.",
  "metadata.generateName": "Not supported; give the object a name.",
  "metadata.namespace": "Where the object stands; absent for kinds without namespace.",
  "metadata.labels": "Short values that selectors match.",
  "metadata.annotations": "Text for people and tools; kept as it is.",
  "metadata.uid": "Set by the server; another object of the same name has another one.",
  "metadata.resourceVersion":
    "Set by the server, and another one after each change; sent back with a write, it refuses the write if the object was changed since.",
  "metadata.generation": "Set by the server; grows with each change of what was asked for.",
  "metadata.creationTimestamp": "Set by the server.",
  "metadata.finalizers": "Kept without effect: deleting removes the object at once.",
  "metadata.ownerReferences":
    "Kept; a WorkloadEntry is deleted with its WorkloadGroup, other objects not with their owners.",
  "metadata.managedFields": "Which client manages which fields; kept by the server for server-side apply.",
  status: "What the mesh made of the object; written by the mesh.",
  "status.conditions": "Findings about the object, one of each type.",
  "status.conditions.type": "What the finding is about.",
  "status.conditions.status": "Whether it holds.",
  "status.conditions.reason": "Why, in one word for programs.",
  "status.conditions.message": "Why, in words for people.",
  "status.conditions.lastTransitionTime": "When `status` last changed.",
  "status.conditions.observedGeneration": "The generation of the object that the finding is about.",
};

export const SELECTOR: Descriptions = {
  selector: "Which workloads it is for; without it all of the namespace, or of the mesh in the root namespace.",
  "selector.matchLabels": "Labels that a workload must all have.",
};

/** Of policies that may name services in place of labels. */
export const SCOPE: Descriptions = {
  ...SELECTOR,
  targetRef: "The older form of one of `targetRefs`.",
  "targetRef.group": "Empty for a Service, `networking.istio.io` for a ServiceEntry.",
  "targetRef.kind": "Service or ServiceEntry.",
  "targetRef.name": "Its name, in the policy's own namespace.",
  "targetRef.namespace": "Leave it out: a target is of the policy's own namespace.",
  targetRefs: "Services whose endpoints it is for, in place of `selector`; by whatever name they are called.",
  "targetRefs.group": "Empty for a Service, `networking.istio.io` for a ServiceEntry.",
  "targetRefs.kind": "Service or ServiceEntry.",
  "targetRefs.name": "Its name, in the policy's own namespace.",
  "targetRefs.namespace": "Leave it out: a target is of the policy's own namespace.",
};

export const WORKLOAD: Descriptions = {
  address:
    "Where it is: `binding:EP_NAME`, `https://host`, or an IP address or name inside one of the mesh's private ranges.",
  ports: "For a port's name the number that it listens on, where that is another than the service says.",
  labels: "What selectors and subsets match.",
  network: "A name that becomes the label `topology.istio.io/network`; all networks are reached alike.",
  locality: "`region/zone/subzone` where it stands; it becomes labels too.",
  serviceAccount: "Whose identity it has: the last part of its SPIFFE ID.",
  weight: "Its share of the requests in comparison with the other endpoints; 1 by default.",
};

export const LOCALITY_LB: Descriptions = {
  enabled: "Whether it makes any difference where callers and endpoints are; true by default.",
  distribute: "Which share of the requests goes where.",
  "distribute.from": "Where the callers are: `region/zone/subzone`, its beginning, or with `*` as the last part.",
  "distribute.to": "Where the endpoints are, and their share in percent; others get nothing.",
  failover: "Where requests go when the caller's own region cannot carry them.",
  "failover.from": "The caller's region.",
  "failover.to": "The region that is next.",
  failoverPriority:
    "Labels, the most important first: endpoints that have them as the caller does, or as `label=value` says, come first.",
};
