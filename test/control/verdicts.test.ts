import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withoutProgrammed } from "../../src/kube/programmed.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { RunningControl } from "./running.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const TOKENS = "/k8s/apis/security.istio.io/v1/namespaces/default/requestauthentications";

function meshConfig(allowedHosts: readonly string[]) {
  return {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: { egress: { allowedHosts } },
  };
}

describe("what the Hub says of objects in their status", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
  });
  afterAll(() => control.stop());

  async function accepted(path: string): Promise<Record<string, unknown>> {
    const { json } = await control.call("GET", path);
    const conditions = (json["status"]?.["conditions"] ?? []) as unknown as Record<string, unknown>[];
    return conditions.find(({ type }) => type === "Accepted") ?? {};
  }

  it("is there with the object itself, of its generation, and owned by the mesh", async () => {
    const rule = {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name: "r" },
      spec: { host: "nowhere" },
    };
    const made = (await control.call("POST", RULES, rule)).json;
    expect(made["status"]).toMatchObject({
      conditions: [
        { type: "Accepted", status: "True", reason: "Accepted", observedGeneration: 1 },
        { type: "Programmed", status: "Unknown", reason: "NoneAwake", observedGeneration: 1 },
      ],
    });
    const owners = made["metadata"]?.["managedFields"] as unknown as { subresource?: string }[];
    expect(owners.find(({ subresource }) => subresource === undefined)).toMatchObject({
      operation: "Update",
      fieldsV1: { "f:spec": { "f:host": {} } },
    });
    expect(owners.find(({ subresource }) => subresource === "status")).toMatchObject({ manager: "tulle" });
    await control.call("PUT", `${RULES}/r`, { ...rule, spec: { host: "elsewhere" } });
    expect(await accepted(`${RULES}/r`)).toMatchObject({ observedGeneration: 2 });
    expect(String((await accepted(`${RULES}/r`))["message"])).toContain("elsewhere");
  });

  it("is on every mesh kind, and on none of Kubernetes' own", async () => {
    const made = await control.apply(`
apiVersion: v1
kind: Service
metadata: { name: s }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: { egress: { allowedHosts: [issuer.test] } }
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: t }
spec: { jwtRules: [{ issuer: i, jwksUri: "https://issuer.test/keys" }] }`);
    expect(made.status).toBe(200);
    expect(await accepted(`${TOKENS}/t`)).toMatchObject({ status: "True", message: "compiled" });
    const mesh = "/k8s/apis/tulle.dev/v1alpha1/namespaces/istio-system/meshconfigs/default";
    expect(await accepted(mesh)).toMatchObject({ status: "True" });
    expect((await control.call("GET", "/k8s/api/v1/namespaces/default/services/s")).json["status"]).toBeUndefined();
  });

  it("follows what other objects make of it, with a warning to whoever breaks it and an Event", async () => {
    const before = (await control.call("GET", `${TOKENS}/t`)).json["metadata"];
    const broken = await control.call("POST", "/api/v1/apply", meshConfig([]));
    expect(String(broken.json["results"]?.[0]?.["warnings"])).toContain("RequestAuthentication `default/t`");
    expect(await accepted(`${TOKENS}/t`)).toMatchObject({ status: "False", reason: "Invalid" });
    const after = (await control.call("GET", `${TOKENS}/t`)).json["metadata"];
    expect(after?.["generation"]).toBe(before?.["generation"]);
    expect(Number(after?.["resourceVersion"])).toBeGreaterThan(Number(before?.["resourceVersion"]));
    const events = await control.call("GET", "/k8s/api/v1/namespaces/default/events?fieldSelector=type%3DWarning");
    expect(events.json["items"]).toMatchObject([{ reason: "Invalid", involvedObject: { name: "t" } }]);
    await control.call("POST", "/api/v1/apply", meshConfig(["issuer.test"]));
    expect(await accepted(`${TOKENS}/t`)).toMatchObject({ status: "True" });
  });

  it("is not what was only tried, nor what a client writes over it", async () => {
    await control.call("POST", "/api/v1/apply?dryRun=All", meshConfig([]));
    expect(await accepted(`${TOKENS}/t`)).toMatchObject({ status: "True" });
    const { json } = await control.call("GET", `${TOKENS}/t`);
    const conditions = [
      { type: "Accepted", status: "False", reason: "Mine", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
      { type: "Reviewed", status: "True", reason: "ByMe", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
    ];
    const written = await control.call("PUT", `${TOKENS}/t/status`, { ...json, spec: {}, status: { conditions } });
    expect(written.status).toBe(200);
    expect(written.json["spec"]).toEqual(json["spec"]);
    const now = written.json["status"]?.["conditions"] as unknown as { type: string; reason: string }[];
    expect(now.map(({ type, reason }) => [type, reason])).toEqual([
      ["Accepted", "Accepted"],
      ["Programmed", "NoneAwake"],
      ["Reviewed", "ByMe"],
    ]);
    // A write of the object leaves what others wrote into its status.
    const read = async () =>
      withoutProgrammed((await control.call("GET", `${TOKENS}/t`)).json as unknown as KubeObject);
    const before = await read();
    const { status: _, ...rest } = before;
    await control.call("PUT", `${TOKENS}/t`, rest);
    expect((await read()).status).toEqual(before.status);
  });

  it("refuses a status that is none", async () => {
    const { json } = await control.call("GET", `${TOKENS}/t`);
    const answer = await control.call("PUT", `${TOKENS}/t/status`, { ...json, status: "fine" });
    expect([answer.status, answer.json["reason"]]).toEqual([422, "Invalid"]);
  });
});
