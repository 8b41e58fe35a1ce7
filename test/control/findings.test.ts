import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Applied, Findings } from "../../src/api/answers.ts";
import { RunningControl } from "./running.ts";

const OBJECTS = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: lost, namespace: shop }
spec: { host: nowhere, subsets: [{ name: all }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: silent, namespace: shop, annotations: { tulle.dev/analyze-suppress: TULLE0105 } }
spec: { host: nowhere }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a }
spec: { address: "binding:EP_A" }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec: { selector: { istio: x }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [a.test] }] }
---
apiVersion: v1
kind: Secret
metadata: { name: s, namespace: shop }
stringData: { key: value }
`;

describe("the findings of what is stored", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
    expect((await control.apply(OBJECTS)).status).toBe(200);
  });
  afterAll(() => control.stop());

  async function told(query = "", token?: string): Promise<readonly string[]> {
    const { status, json } = await control.call("GET", `/api/v1/findings${query}`, undefined, token ? { token } : {});
    expect(status).toBe(200);
    return Findings.parse(json)
      .findings.filter(({ severity }) => severity !== "info")
      .map(({ code, object, field }) => `${object.kind}/${object.namespace}/${object.name} ${code} ${field}`);
  }

  const OF_SHOP = [
    "DestinationRule/shop/lost TULLE0005 spec.subsets[0].labels",
    "DestinationRule/shop/lost TULLE0105 spec.host",
  ];

  it("are of an object's form and of what it is among the others, without what it silences", async () => {
    expect(await told("?namespace=shop")).toEqual(OF_SHOP);
    expect((await told()).filter((line) => line.includes("/shop/"))).toEqual(OF_SHOP);
  });

  it("are what is so now: another object takes one away, and a condition that does not hold brings one", async () => {
    await control.apply(`
apiVersion: v1
kind: Service
metadata: { name: nowhere, namespace: shop }
spec: { ports: [{ name: http, port: 80 }] }`);
    expect(await told("?namespace=shop")).not.toContain(OF_SHOP[1]);
    const report = { addresses: [], boundPorts: {}, failed: [{ port: 80, reason: "taken" }] };
    expect((await control.call("POST", "/api/v1/gateways/default/front/listeners", report)).status).toBe(204);
    expect(await told("?namespace=default")).toContain("Gateway/default/front TULLE0007 status.conditions");
  });

  it("know which bindings no gateway has", async () => {
    const unbound = "WorkloadEntry/default/a TULLE0106 spec.address";
    // While no gateway is known, nobody can say.
    expect(await told("?namespace=default")).not.toContain(unbound);
    await control.rpc("ALL", "register", { bindings: ["EP_B"], hasPrivate: true, format: 2 });
    expect(await told("?namespace=default")).toContain(unbound);
    await control.rpc("ALL", "register", { bindings: ["EP_A"], hasPrivate: true, format: 2 });
    expect(await told("?namespace=default")).not.toContain(unbound);
  });

  it("are told to every token, of its own namespace alone, and none is of a Secret", async () => {
    const wanted = { name: "v", role: "viewer", namespace: "shop", ttlSeconds: 600 };
    const token = String((await control.call("POST", "/api/v1/tokens", wanted)).json["token"]);
    const { json } = await control.call("GET", "/api/v1/findings", undefined, { token });
    const { objects, findings } = Findings.parse(json);
    expect(new Set(findings.map(({ object }) => object.namespace))).toEqual(new Set(["shop"]));
    const all = Findings.parse((await control.call("GET", "/api/v1/findings?namespace=shop")).json);
    // Two rules and a Service; the Secret is left out.
    expect([objects, all.objects]).toEqual([3, 3]);
    const elsewhere = await control.call("GET", "/api/v1/findings?namespace=default", undefined, { token });
    expect(elsewhere.status).toBe(403);
    expect((await control.call("GET", "/api/v1/findings", undefined, { token: "tulle_unknown" })).status).toBe(401);
    expect((await control.call("GET", "/api/v1/findings?namespace=A%20B")).status).toBe(400);
  });

  it("come in the order of the objects' names, whatever was written last", async () => {
    const rule = (name: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: { name: ${name}, namespace: shop }, spec: { host: never } }`;
    expect((await control.apply(`${rule("later")}\n---\n${rule("earlier")}`)).status).toBe(200);
    const lines = (await told("?namespace=shop")).filter((line) => line.includes("TULLE0105"));
    expect(lines).toEqual(lines.toSorted());
    expect(lines).toContain("DestinationRule/shop/earlier TULLE0105 spec.host");
  });

  it("that refuse a write end in their code in every cause, as warnings do; those of a field's form have none", async () => {
    const entry = (address: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: { name: none, namespace: shop }, spec: { address: "${address}" } }`;
    const causes = async (address: string) => {
      const { status, json } = await control.apply(entry(address));
      return [status, JSON.stringify(json["details"])];
    };
    expect(await causes("192.0.2.1")).toEqual([422, expect.stringMatching(/ \[TULLE0111\]"/)]);
    expect(await causes("a b")).toEqual([422, expect.not.stringContaining("TULLE")]);
  });

  it("of objects that a write breaks are told at the MeshConfig that is among what is written", async () => {
    const settings = (host: string): string =>
      `{ apiVersion: tulle.dev/v1alpha1, kind: MeshConfig, metadata: { name: default, namespace: istio-system }, spec: { egress: { allowedHosts: [${host}] } } }`;
    const entry = `{ apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: { name: out, namespace: shop }, spec: { hosts: [a.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS } }`;
    const other = "{ apiVersion: v1, kind: Namespace, metadata: { name: another } }";
    expect((await control.apply(`${settings("a.example.com")}\n---\n${entry}`)).status).toBe(200);
    const { json } = await control.apply(`${other}\n---\n${settings("b.example.com")}`);
    expect(Applied.parse(json).results.map(({ warnings }) => warnings.join())).toEqual([
      "",
      expect.stringMatching(
        /^by this write ServiceEntry `shop\/out` is not accepted any more: spec\.hosts\[0\]: [^[]* \[TULLE0306\]$/,
      ),
    ]);
  });

  it("tell of what an older version stored, and this one would refuse: its pattern has no program", async () => {
    const policy = (path: string): string =>
      `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: old, namespace: shop }, spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["${path}"] } }] }] } }`;
    expect((await control.apply(policy("/aaa/{*}"))).status).toBe(200);
    const about = async () => (await told("?namespace=shop")).filter((line) => line.includes("/shop/old "));
    expect(await about()).toEqual([]);
    await control.sql(`UPDATE objects SET json = replace(json, '/aaa/', '/${"a".repeat(1_100)}/') WHERE name = 'old'`);
    await control.evict();
    expect(await about()).toEqual(["AuthorizationPolicy/shop/old TULLE0011 spec.rules[0].to[0].operation.paths[0]"]);
  });
});
