import { describe, expect, it } from "vitest";
import { entryNameOf, entryOf } from "../../src/resources/workload-group.ts";
import { found, parsed } from "./parsed.ts";

const of = (spec: string) => found("networking.istio.io/v1", "WorkloadGroup", spec);

describe("WorkloadGroup", () => {
  it.each([
    "{template: {}}",
    "{metadata: {labels: {app: a}, annotations: {note: b}}, template: {ports: {http: 80}, weight: 2, network: east, locality: eu/a, serviceAccount: a}}",
    "{template: {}, probe: {initialDelaySeconds: 1, timeoutSeconds: 4, periodSeconds: 1, successThreshold: 2, failureThreshold: 2, httpGet: {port: 80, path: '/up?x=1', host: a.b, scheme: HTTPS, httpHeaders: [{name: X_A-1, value: b}, {name: c}]}}}",
    "{template: {}, probe: {tcpSocket: {port: 5432}}}",
    "{template: {}, probe: {periodSeconds: 5, tcpSocket: {port: 5432, host: db.corp.internal}}}",
    "{template: {}, probe: {grpc: {port: 50051}}}",
    "{template: {}, probe: {grpc: {port: 50051, service: shop.v1.Cart_2}}}",
  ])("takes %s", (spec) => {
    expect(of(spec)).toEqual([]);
  });

  it.each([
    ["no template", "{}", "Required spec.template"],
    ["a label that is none", "{template: {}, metadata: {labels: {'.': '~'}}}", "Invalid spec.metadata.labels[.]"],
    ["an address of all", "{template: {address: 10.0.0.1}}", "NotSupported spec.template.address"],
    ["a bad port", "{template: {ports: {http: 0}}}", "Invalid spec.template.ports.http"],
    ["a probe without a way", "{template: {}, probe: {}}", "Required spec.probe"],
    [
      "a probe of two ways",
      "{template: {}, probe: {httpGet: {port: 80}, tcpSocket: {port: 80}}}",
      "Invalid spec.probe.tcpSocket",
    ],
    ["an empty GET", "{template: {}, probe: {httpGet: {}}}", "Required spec.probe.httpGet.port"],
    ["a path that is none", "{template: {}, probe: {httpGet: {port: 80, path: a}}}", "Invalid spec.probe.httpGet.path"],
    [
      "a header that is none",
      '{template: {}, probe: {httpGet: {port: 80, httpHeaders: [{name: "**"}]}}}',
      "Invalid spec.probe.httpGet.httpHeaders[0].name",
    ],
    [
      "a header with a line in it",
      '{template: {}, probe: {httpGet: {port: 80, httpHeaders: [{name: a, value: "b\\nc"}]}}}',
      "Invalid spec.probe.httpGet.httpHeaders[0].value",
    ],
    [
      "a timeout that outlasts an exchange",
      "{template: {}, probe: {timeoutSeconds: 5, httpGet: {port: 80}}}",
      "Invalid spec.probe.timeoutSeconds",
    ],
    [
      "a negative period",
      "{template: {}, probe: {periodSeconds: -1, httpGet: {port: 80}}}",
      "Invalid spec.probe.periodSeconds",
    ],
    [
      "another Worker's binding",
      "{template: {}, probe: {httpGet: {port: 80, host: 'binding:EP_A'}}}",
      "Invalid spec.probe.httpGet.host",
    ],
    ["a command", "{template: {}, probe: {exec: {command: [a]}}}", "NotSupported spec.probe.exec"],
    ["a TCP connection to no port", "{template: {}, probe: {tcpSocket: {}}}", "Required spec.probe.tcpSocket.port"],
    [
      "a TCP connection to another Worker's binding",
      "{template: {}, probe: {tcpSocket: {port: 80, host: 'binding:EP_A'}}}",
      "Invalid spec.probe.tcpSocket.host",
    ],
    [
      "gRPC's health check beside a GET",
      "{template: {}, probe: {httpGet: {port: 80}, grpc: {port: 80}}}",
      "Invalid spec.probe.grpc",
    ],
    ["gRPC's health check at no port", "{template: {}, probe: {grpc: {}}}", "Required spec.probe.grpc.port"],
    [
      "a service of gRPC that is none",
      "{template: {}, probe: {grpc: {port: 80, service: 'a b'}}}",
      "Invalid spec.probe.grpc.service",
    ],
    [
      "a service of gRPC whose name is too long",
      `{template: {}, probe: {grpc: {port: 80, service: ${"a".repeat(101)}}}}`,
      "Invalid spec.probe.grpc.service",
    ],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });
});

describe("the entry of a workload that registers", () => {
  const { object } =
    parsed(`{apiVersion: networking.istio.io/v1beta1, kind: WorkloadGroup, metadata: {name: vms, namespace: shop, uid: "1"},
    spec: {metadata: {labels: {app: cart, tier: a}, annotations: {note: b}}, template: {ports: {http: 8080}, labels: {tier: b}, network: east, locality: eu/a, weight: 3}}}`);
  if (object === null) throw new Error("the sample is refused");

  it("is the template, with what the group marks it with and what the workload says of itself", () => {
    expect(entryOf(object, { address: "10.0.0.7", locality: "eu/b", labels: { version: "v2" } })).toEqual({
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: {
        name: "vms-10.0.0.7",
        namespace: "shop",
        labels: { app: "cart", tier: "a" },
        annotations: { note: "b", "istio.io/autoRegistrationGroup": "vms" },
        ownerReferences: [
          { apiVersion: "networking.istio.io/v1", kind: "WorkloadGroup", name: "vms", uid: "1", controller: true },
        ],
      },
      spec: {
        address: "10.0.0.7",
        ports: { http: 8080 },
        labels: { app: "cart", tier: "b", version: "v2" },
        network: "east",
        locality: "eu/b",
        weight: 3,
        serviceAccount: "default",
      },
    });
  });

  it.each([
    ["10.0.0.7", "vms-10.0.0.7"],
    ["fd00::1", "vms-fd00--1"],
    ["binding:EP_A__B", "vms-binding-ep-a--b"],
    ["https://a.test", "vms-https---a.test"],
    ["fd00::", "vms-fd00"],
  ])("at %s is named %s", (address, name) => {
    expect(entryNameOf("vms", address)).toBe(name);
  });
});
