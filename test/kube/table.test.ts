import type { Kind } from "../../src/kinds/kind.ts";
import { describe, expect, it } from "vitest";
import { columnsOf, tableOf, type TableOptions } from "../../src/kube/table.ts";
import { humanDuration } from "../../src/kinds/columns.ts";
import { KINDS } from "../../src/kinds/registry.ts";
import type { KubeObject } from "../../src/resources/object.ts";

const S = 1_000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const Y = 365 * D;

const NOW = Date.parse("2026-07-01T12:00:00Z");
const CREATED = "2026-07-01T11:57:57Z";

const OPTIONS: TableOptions = {
  now: NOW,
  apiVersion: "networking.istio.io/v1",
  includeObject: "Metadata",
  version: "v1",
  withColumns: true,
};

function named(kind: string): Kind {
  const info = KINDS.find((each) => each.kind === kind);
  if (info === undefined) throw new Error(`no kind ${kind}`);
  return info;
}

function object(kind: string, fields: Record<string, unknown>, metadata: Record<string, unknown> = {}): KubeObject {
  const { group, version } = named(kind);
  return {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind,
    metadata: { name: "x", namespace: "shop", creationTimestamp: CREATED, ...metadata },
    ...fields,
  };
}

/** The cells of one object by the names of their columns. */
function cells(of: KubeObject): Record<string, string | null> {
  const info = named(of.kind);
  const [row] = tableOf(info, [of], OPTIONS).rows;
  return Object.fromEntries(columnsOf(info).map(({ name }, index) => [name, row?.cells[index] ?? null]));
}

function condition(type: string, status: string, reason: string) {
  return { type, status, reason, message: "", lastTransitionTime: CREATED };
}

describe("humanDuration", () => {
  // From TestHumanDuration and TestHumanDurationBoundaries in k8s.io/apimachinery/pkg/util/duration.
  it.each([
    [-2 * S, "<invalid>"],
    [-2 * S + 1, "0s"],
    [0, "0s"],
    [S - 1, "0s"],
    [S, "1s"],
    [70 * S, "70s"],
    [2 * M - 1, "119s"],
    [2 * M, "2m"],
    [2 * M + S, "2m1s"],
    [190 * S, "3m10s"],
    [10 * M - 1, "9m59s"],
    [10 * M, "10m"],
    [10 * M + S, "10m"],
    [70 * M, "70m"],
    [3 * H - 1, "179m"],
    [3 * H, "3h"],
    [3 * H + M - 1, "3h"],
    [3 * H + M, "3h1m"],
    [8 * H - 1, "7h59m"],
    [8 * H, "8h"],
    [8 * H + 59 * M, "8h"],
    [2 * D - 1, "47h"],
    [2 * D, "2d"],
    [2 * D + H - 1, "2d"],
    [2 * D + H, "2d1h"],
    [5 * D + 12 * H, "5d12h"],
    [8 * D - 1, "7d23h"],
    [8 * D, "8d"],
    [8 * D + 23 * H, "8d"],
    [367 * D, "367d"],
    [2 * Y - 1, "729d"],
    [2 * Y, "2y"],
    [2 * Y + D - 1, "2y"],
    [2 * Y + D, "2y1d"],
    [3 * Y, "3y"],
    [8 * Y - 1, "7y364d"],
    [8 * Y, "8y"],
    [8 * Y + 364 * D, "8y"],
    [9 * Y, "9y"],
  ])("shows %d ms as %s", (milliseconds, want) => {
    expect(humanDuration(milliseconds)).toBe(want);
  });

  it("shows what is far off without end", () => {
    expect(humanDuration(Number.NEGATIVE_INFINITY)).toBe("<invalid>");
    expect(humanDuration(1_000 * Y)).toBe("1000y");
  });
});

describe("columnsOf", () => {
  it.each([
    ["Namespace", ["Name", "Status", "Age"], []],
    ["Service", ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"], ["Selector"]],
    ["Pod", ["Name", "Ready", "Status", "Restarts", "Age"], []],
    ["EndpointSlice", ["Name", "AddressType", "Ports", "Endpoints", "Age"], []],
    ["ConfigMap", ["Name", "Data", "Age"], []],
    ["Secret", ["Name", "Type", "Data", "Age"], []],
    ["Event", ["Last Seen", "Type", "Reason", "Object", "Message"], ["Name"]],
    ["ServiceEntry", ["Name", "Hosts", "Location", "Resolution", "Status", "Age"], []],
    ["WorkloadEntry", ["Name", "Status", "Age", "Address"], []],
    ["Gateway", ["Name", "Status", "Age"], []],
    ["VirtualService", ["Name", "Gateways", "Hosts", "Status", "Age"], []],
    ["DestinationRule", ["Name", "Host", "Status", "Age"], []],
    ["AuthorizationPolicy", ["Name", "Action", "Status", "Age"], []],
    ["PeerAuthentication", ["Name", "Mode", "Status", "Age"], []],
    ["RequestAuthentication", ["Name", "Status", "Age"], []],
    ["MeshConfig", ["Name", "Status", "Age"], []],
    ["APIKeyPolicy", ["Name", "Target", "Header", "Presence", "Status", "Age"], []],
    ["RateLimitPolicy", ["Name", "Target", "Limits", "Status", "Age"], []],
    ["FaultRehearsal", ["Name", "Service", "Delay", "Abort", "Percent", "Ends", "Status", "Age"], []],
    ["EnrolmentRule", ["Name", "Issuer", "Subject", "Status", "Age"], []],
  ])("of %s are upstream's, and a Status in the mesh's", (kind, narrow, wide) => {
    const columns = columnsOf(named(kind));
    expect(columns.filter(({ priority }) => priority === 0).map(({ name }) => name)).toEqual(narrow);
    expect(columns.filter(({ priority }) => priority === 1).map(({ name }) => name)).toEqual(wide);
  });

  it.each(KINDS)("of $group/$kind are complete", (info) => {
    const columns = columnsOf(info);
    const names = columns.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(columns.filter(({ format }) => format === "name").map(({ name }) => name)).toEqual(["Name"]);
    expect(names.includes("Status")).toBe(!info.core || info.kind === "Namespace" || info.kind === "Pod");
    for (const column of columns) {
      expect(Object.keys(column).toSorted()).toEqual(["description", "format", "name", "priority", "type"]);
      expect(column.description).not.toBe("");
      expect(column.type).toBe(column.name === "Age" && !info.core ? "date" : "string");
    }
  });
});

describe("tableOf", () => {
  const info = named("VirtualService");
  const reviews = object("VirtualService", { spec: { hosts: ["reviews"] } }, { name: "reviews", labels: { a: "b" } });

  it("shows the objects as rows", () => {
    expect(tableOf(info, [reviews], { ...OPTIONS, resourceVersion: "9", continue: "next" })).toEqual({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      metadata: { resourceVersion: "9", continue: "next" },
      columnDefinitions: columnsOf(info),
      rows: [
        {
          cells: ["reviews", null, '["reviews"]', null, "2m3s"],
          object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: reviews.metadata },
        },
      ],
    });
  });

  it("is empty where nothing is there", () => {
    expect(tableOf(info, [], OPTIONS)).toMatchObject({ metadata: {}, columnDefinitions: columnsOf(info), rows: [] });
  });

  it("leaves out the columns from the second event of a watch on", () => {
    const table = tableOf(info, [reviews], { ...OPTIONS, withColumns: false });
    expect(table.columnDefinitions).toBeNull();
    expect(table.rows[0]?.cells).toHaveLength(columnsOf(info).length);
  });

  it("has the rest of the objects as asked for", () => {
    const [bare] = tableOf(info, [reviews], { ...OPTIONS, includeObject: "None" }).rows;
    expect(bare).not.toHaveProperty("object");
    const apiVersion = "networking.istio.io/v1alpha3";
    const [whole] = tableOf(info, [reviews], { ...OPTIONS, apiVersion, includeObject: "Object" }).rows;
    expect(whole?.object).toEqual({ ...reviews, apiVersion });
    expect(reviews.apiVersion).toBe("networking.istio.io/v1");
  });

  it("speaks the beta version throughout", () => {
    const table = tableOf(info, [reviews], { ...OPTIONS, version: "v1beta1" });
    expect(table.apiVersion).toBe("meta.k8s.io/v1beta1");
    expect(table.rows[0]?.object?.apiVersion).toBe("meta.k8s.io/v1beta1");
  });

  it.each(KINDS)("has a cell for each column of $group/$kind, whatever the object", (each) => {
    const odd = { a: [null], selector: null, ports: [{}, "x"], hosts: {}, mtls: [], conditions: [null, { type: "x" }] };
    for (const fields of [{}, { spec: odd, status: odd, ...odd, endpoints: [{}, 1], involvedObject: "x" }]) {
      const sparse = { apiVersion: "v1", kind: each.kind, metadata: { name: "x" }, ...fields };
      const [row] = tableOf(each, [sparse], OPTIONS).rows;
      expect(row?.cells).toHaveLength(columnsOf(each).length);
      for (const cell of row?.cells ?? []) if (cell !== null) expect(cell).toBeTypeOf("string");
    }
  });
});

describe("cells", () => {
  it.each<[KubeObject, Record<string, string | null>]>([
    [
      object("VirtualService", { spec: { gateways: ["mesh", "shop/edge"], hosts: ["reviews", "*.shop"] } }),
      { Name: "x", Gateways: '["mesh","shop/edge"]', Hosts: '["reviews","*.shop"]', Status: null, Age: "2m3s" },
    ],
    [object("DestinationRule", { spec: { host: "reviews" } }), { Host: "reviews" }],
    [
      object("ServiceEntry", { spec: { hosts: ["a.example"], location: "MESH_EXTERNAL", resolution: "DNS" } }),
      { Hosts: '["a.example"]', Location: "MESH_EXTERNAL", Resolution: "DNS" },
    ],
    [object("ServiceEntry", { spec: { hosts: ["a.example"] } }), { Location: null, Resolution: null }],
    [object("WorkloadEntry", { spec: { address: "10.0.0.1" } }), { Address: "10.0.0.1", Age: "2m3s" }],
    [object("AuthorizationPolicy", { spec: { action: "DENY" } }), { Action: "DENY" }],
    [object("AuthorizationPolicy", { spec: {} }), { Action: null }],
    [object("PeerAuthentication", { spec: { mtls: { mode: "STRICT" } } }), { Mode: "STRICT" }],
    [object("PeerAuthentication", { spec: {} }), { Mode: null }],
    [object("Gateway", {}, { creationTimestamp: undefined }), { Age: null }],
    [
      object("FaultRehearsal", { spec: { abort: { httpStatus: 503 }, percentage: { value: 0.5 } } }),
      { Delay: null, Abort: "503", Percent: "0.5" },
    ],
    [
      object("FaultRehearsal", { spec: { abort: { grpcStatus: "UNAVAILABLE" } } }),
      { Abort: "UNAVAILABLE", Percent: "100" },
    ],
    [object("APIKeyPolicy", { spec: {} }), { Target: "all", Header: "x-api-key", Presence: "Required" }],
    [
      object("APIKeyPolicy", {
        spec: { targetRefs: [{ name: "a" }, { name: "b" }], header: "x-k", presence: "Optional" },
      }),
      { Target: "a,b", Header: "x-k", Presence: "Optional" },
    ],
    [object("APIKeyPolicy", { spec: { selector: { matchLabels: { app: "a", v: "1" } } } }), { Target: "app=a,v=1" }],
    [
      object("RateLimitPolicy", {
        spec: {
          targetRefs: [{ name: "a" }],
          limits: [{ name: "each", rates: [{ limit: 10, window: "1s" }] }, { name: "all" }],
        },
      }),
      { Target: "a", Limits: "each=10/1s,all" },
    ],
    [object("Gateway", {}, { creationTimestamp: "yesterday" }), { Age: "<invalid>" }],
    [object("Gateway", {}, { creationTimestamp: "2026-07-01T12:00:01Z" }), { Age: "0s" }],

    [
      object("Namespace", { status: { phase: "Active" } }, { namespace: undefined }),
      { Name: "x", Status: "Active", Age: "2m3s" },
    ],
    [object("Namespace", {}, { creationTimestamp: undefined }), { Status: "", Age: "<unknown>" }],
    [
      object("Service", {
        spec: { ports: [{ port: 80 }, { port: 443, protocol: "TCP" }], selector: { b: "2", a: "1" } },
      }),
      {
        Type: "ClusterIP",
        "Cluster-IP": "<none>",
        "External-IP": "<none>",
        "Port(s)": "80/TCP,443/TCP",
        Age: "2m3s",
        Selector: "a=1,b=2",
      },
    ],
    [
      object("Service", {
        spec: {
          type: "NodePort",
          clusterIP: "10.0.0.9",
          externalIPs: ["1.2.3.4", "1.2.3.5"],
          ports: [{ port: 53, protocol: "UDP", nodePort: 30_053 }],
        },
      }),
      {
        Type: "NodePort",
        "Cluster-IP": "10.0.0.9",
        "External-IP": "1.2.3.4,1.2.3.5",
        "Port(s)": "53:30053/UDP",
        Selector: "<none>",
      },
    ],
    [object("Service", { spec: { clusterIPs: ["None"], ports: [] } }), { "Cluster-IP": "None", "Port(s)": "<none>" }],
    [
      object("Service", { spec: { type: "ExternalName", externalName: "a.example" } }),
      { Type: "ExternalName", "External-IP": "a.example", "Port(s)": "<none>" },
    ],
    [object("Service", { spec: { type: "LoadBalancer" } }), { "External-IP": "<pending>" }],
    [
      object("Service", {
        spec: { type: "LoadBalancer", externalIPs: ["1.2.3.4"] },
        status: { loadBalancer: { ingress: [{ ip: "5.6.7.8" }, { hostname: "b.example" }] } },
      }),
      { "External-IP": "5.6.7.8,b.example,1.2.3.4" },
    ],
    [object("Pod", {}), { Ready: "0/0", Status: "", Restarts: "0", Age: "2m3s" }],
    [
      object("Pod", {
        spec: { containers: [{ name: "a" }, { name: "b" }] },
        status: {
          phase: "Running",
          containerStatuses: [
            { ready: true, restartCount: 2 },
            { ready: false, restartCount: 1 },
          ],
        },
      }),
      { Ready: "1/2", Status: "Running", Restarts: "3" },
    ],
    [object("Pod", { status: { phase: "Failed", reason: "Evicted" } }), { Status: "Evicted" }],
    [object("Pod", { status: { phase: "Running" } }, { deletionTimestamp: CREATED }), { Status: "Terminating" }],
    [
      object("EndpointSlice", {
        addressType: "IPv4",
        ports: [{ name: "http", port: 9080 }, { name: "any" }, {}],
        endpoints: [{ addresses: ["10.0.0.1", "10.0.0.2"] }, { addresses: ["10.0.0.3"] }],
      }),
      { AddressType: "IPv4", Ports: "9080,any,*", Endpoints: "10.0.0.1,10.0.0.2,10.0.0.3", Age: "2m3s" },
    ],
    [
      object("EndpointSlice", {
        addressType: "FQDN",
        endpoints: [{ addresses: ["a.example", "b.example", "c.example"] }, { addresses: ["d.example", "e.example"] }],
      }),
      { AddressType: "FQDN", Ports: "<unset>", Endpoints: "a.example,b.example,c.example + 2 more..." },
    ],
    [object("ConfigMap", {}), { Data: "0", Age: "2m3s" }],
    [object("ConfigMap", { data: { a: "x", b: "y" }, binaryData: { c: "" } }), { Data: "3" }],
    [object("Secret", { type: "kubernetes.io/tls", data: { a: "", b: "" } }), { Type: "kubernetes.io/tls", Data: "2" }],
    [
      object("Event", {
        lastTimestamp: "2026-07-01T11:59:55Z",
        type: "Warning",
        reason: "Invalid",
        involvedObject: { kind: "VirtualService", name: "reviews" },
        message: " no such host\n",
      }),
      {
        "Last Seen": "5s",
        Type: "Warning",
        Reason: "Invalid",
        Object: "virtualservice/reviews",
        Message: "no such host",
        Name: "x",
      },
    ],
    [object("Event", { involvedObject: { kind: "Pod" } }), { "Last Seen": "<unknown>", Object: "pod", Message: "" }],
  ])("of $kind %# are as upstream prints them", (of, want) => {
    expect(cells(of)).toMatchObject(want);
  });

  it.each([
    ["nothing without conditions", [], null],
    ["nothing of what is no condition", [null, "x", { type: "Accepted" }], null],
    ["that all hold", [condition("Accepted", "True", "Fine"), condition("Programmed", "True", "Done")], "Accepted"],
    ["what waits", [condition("Accepted", "True", "Accepted"), condition("Programmed", "False", "Pending")], "Pending"],
    ["what is unknown", [condition("Accepted", "Unknown", "Pending")], "Pending"],
    [
      "the first of several",
      [condition("Accepted", "False", "Invalid"), condition("B", "False", "Pending")],
      "Invalid",
    ],
    ["a condition without reason", [condition("Ready", "False", "")], "NotReady"],
  ])("of Status tell %s", (_, conditions, want) => {
    for (const info of KINDS.filter(({ core }) => !core))
      expect(cells(object(info.kind, { status: { conditions } }))["Status"]).toBe(want);
  });
});
