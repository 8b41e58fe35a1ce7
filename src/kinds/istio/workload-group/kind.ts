import { probeProblem } from "../../../compile/probes.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { errorAt, type Finding } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { placeOfProbe } from "../../../resources/probe.ts";
import {
  checkWorkloadGroup,
  isEntryOf,
  WorkloadGroup,
  type WorkloadGroupSpec,
} from "../../../resources/workload-group.ts";
import { at, WORKLOAD } from "../../descriptions.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";

const { address: _, ...TEMPLATE } = WORKLOAD;

export const WORKLOAD_GROUP = networkingKind({
  kind: "WorkloadGroup",
  plural: "workloadgroups",
  shortNames: ["wg"],
  reader: reader(WorkloadGroup, checkWorkloadGroup),
  entries: (object) => [["workload-group", `${namespaceOf(object)}/${object.metadata.name}`]],
  check: checkProbe,
  owns: isEntryOf,
  descriptions: {
    "": "What the WorkloadEntries of workloads look like that register by themselves.",
    spec: "The template, and what its entries are marked with.",
    "spec.metadata": "What every entry is marked with.",
    "spec.metadata.labels": "Labels of the entry and of its workload.",
    "spec.metadata.annotations": "Annotations of the entry.",
    "spec.template": "The entry, without its address.",
    ...at(["spec.template"], TEMPLATE),
    "spec.probe":
      "How gateways see whether a workload is well: while it is used, and once for all isolates of a location.",
    "spec.probe.initialDelaySeconds": "From the first use on; 0 by default.",
    "spec.probe.timeoutSeconds": "1 by default, 4 at most.",
    "spec.probe.periodSeconds": "10 by default.",
    "spec.probe.successThreshold": "So many successes in a row bring an endpoint back; 1 by default.",
    "spec.probe.failureThreshold": "So many failures in a row take an endpoint out; 3 by default.",
    "spec.probe.httpGet": "A GET; a status of 200 to 399 is well.",
    "spec.probe.httpGet.port": "Of the workload; a service binding has none, and an origin its own.",
    "spec.probe.httpGet.path": "`/` by default.",
    "spec.probe.httpGet.host":
      "Another place than the workload's; it must be one that endpoints of the namespace may have.",
    "spec.probe.httpGet.scheme": "HTTP (the default) or HTTPS.",
    "spec.probe.httpGet.httpHeaders": "Headers of the request.",
    "spec.probe.httpGet.httpHeaders.name": "Its name.",
    "spec.probe.httpGet.httpHeaders.value": "Its value.",
    "spec.probe.tcpSocket": "A TCP connection, which is closed at once: it is well if it can be made.",
    "spec.probe.tcpSocket.port": "Of the workload; an origin has its own.",
    "spec.probe.tcpSocket.host":
      "Another place than the workload's; it must be one that endpoints of the namespace may have.",
    "spec.probe.grpc": "gRPC's health check, over HTTP/2 without TLS: it is well if the answer is SERVING.",
    "spec.probe.grpc.port": "Of the workload.",
    "spec.probe.grpc.service": "Which of the server's services is asked for; by default the server as a whole.",
    "spec.template.serviceAccount": "Whose identity the workloads have; `default` by default.",
  },
});

/** Where its host stands; of its workloads' own addresses their entries are judged. */
function checkProbe(world: World, object: KubeObject): readonly Finding[] {
  const { probe } = object.spec as WorkloadGroupSpec;
  const { host, port } = probe === undefined ? {} : placeOfProbe(probe);
  if (host === undefined || port === undefined) return [];
  const problem = probeProblem(world, host, port, namespaceOf(object));
  const way = probe?.httpGet === undefined ? "tcpSocket" : "httpGet";
  return problem === null ? [] : [errorAt(`spec.probe.${way}.host`, problem, "TULLE0111")];
}
