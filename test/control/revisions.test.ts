import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningControl } from "./running.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

function rule(name: string, host: string, namespace = "default"): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: ${namespace}, labels: { host: ${host} } }
spec: { host: ${host} }`;
}

describe("the configuration's history", () => {
  let control: RunningControl;
  let first = 0;
  beforeAll(async () => {
    control = await RunningControl.start();
    await control.apply(`${rule("a", "x")}${rule("b", "x")}`);
    first = await generation();
    await control.apply(`
apiVersion: v1
kind: Namespace
metadata: { name: shop }${rule("c", "x", "shop")}${rule("a", "y")}`);
    await control.call("DELETE", `${RULES}/b`);
  });
  afterAll(() => control.stop());

  async function generation(): Promise<number> {
    return Number((await control.call("GET", "/api/v1/status")).json["generation"]);
  }

  /** All objects as a client sees them, without what the store gives them. */
  async function configuration(): Promise<unknown> {
    const rules = await control.call("GET", "/k8s/apis/networking.istio.io/v1/destinationrules");
    const namespaces = await control.call("GET", "/k8s/api/v1/namespaces");
    const items = [rules, namespaces].flatMap(({ json }) => json["items"] as unknown as Record<string, unknown>[]);
    return items.map(({ metadata, spec }) => {
      const { name, namespace, labels } = metadata as Record<string, unknown>;
      return { name, namespace, labels, spec };
    });
  }

  it("lists its generations, newest first, with who made them and what they changed", async () => {
    const { json } = await control.call("GET", "/api/v1/revisions?limit=2");
    expect(json["revisions"]).toMatchObject([
      { generation: first + 2, actor: "admin", verb: "delete", changes: 1 },
      { generation: first + 1, actor: "admin", verb: "apply", changes: 3 },
    ]);
    const next = await control.call("GET", `/api/v1/revisions?before=${first + 1}`);
    expect(next.json["revisions"]?.[0]).toMatchObject({ generation: first });
    const one = await control.call("GET", `/api/v1/revisions/${first + 1}`);
    expect(one.json["changes"]).toEqual(
      expect.arrayContaining([
        { type: "MODIFIED", group: "networking.istio.io", kind: "DestinationRule", namespace: "default", name: "a" },
        { type: "ADDED", group: "", kind: "Namespace", namespace: "", name: "shop" },
      ]),
    );
  });

  it("makes no generation of a status, of an Event, of what changes nothing", async () => {
    const before = await generation();
    const { json } = await control.call("GET", `${RULES}/a`);
    await control.call("PUT", `${RULES}/a/status`, { ...json, status: { mine: true } });
    await control.call("PUT", `${RULES}/a`, json);
    expect(await generation()).toBe(before);
  });

  it("comes back whole, as one new generation", async () => {
    const before = await generation();
    const bad = await configuration();
    const tried = await control.call("POST", "/api/v1/rollback?dryRun=All", { generation: first });
    expect([tried.status, await generation()]).toEqual([200, before]);
    const back = await control.call("POST", "/api/v1/rollback", { generation: first });
    expect([back.status, back.json["generation"], back.headers.get("etag")]).toEqual([
      200,
      before + 1,
      `"${before + 1}"`,
    ]);
    const results = back.json["results"] as unknown as { kind: string; name: string; action: string }[];
    expect(results.map(({ kind, name, action }) => `${kind}/${name} ${action}`).toSorted()).toEqual([
      "DestinationRule/a configured",
      "DestinationRule/b created",
      "DestinationRule/c deleted",
      "Namespace/shop deleted",
    ]);
    expect((await control.call("GET", `${RULES}/a`)).json["spec"]).toEqual({ host: "x" });
    expect((await control.call("GET", "/k8s/api/v1/namespaces/shop")).status).toBe(404);
    expect((await control.call("GET", "/api/v1/revisions?limit=1")).json["revisions"]).toMatchObject([
      { verb: `rollback to ${first}`, changes: 4 },
    ]);
    await control.call("POST", "/api/v1/rollback", { generation: before });
    expect(await configuration()).toEqual(bad);
  });

  it("makes no generation where nothing is to be brought back", async () => {
    const before = await generation();
    const back = await control.call("POST", "/api/v1/rollback", { generation: before });
    expect([back.json["generation"], back.json["results"]]).toEqual([before, []]);
  });

  it.each([
    { name: "a generation that never was", body: { generation: 9_999 }, status: 404 },
    { name: "no generation", body: {}, status: 400 },
    { name: "more than it knows", body: { generation: 1, force: true }, status: 400 },
  ])("refuses $name", async ({ body, status }) => {
    expect((await control.call("POST", "/api/v1/rollback", body)).status).toBe(status);
  });

  it("refuses a page that is none, and tells which generations are kept", async () => {
    expect((await control.call("GET", "/api/v1/revisions?limit=0")).status).toBe(400);
    expect((await control.call("GET", "/api/v1/revisions?before=x")).status).toBe(400);
    const unknown = await control.call("GET", "/api/v1/revisions/9999");
    expect([unknown.status, unknown.json["message"]]).toEqual([404, expect.stringContaining("from 1 to")]);
  });

  it("refuses whole what this version does not take any more", async () => {
    const before = await generation();
    await control.sql(
      `UPDATE revisions SET json = json_set(json, '$.spec.gone', 1) WHERE generation = ${first} AND name = 'b'`,
    );
    const back = await control.call("POST", "/api/v1/rollback", { generation: first });
    expect([back.status, back.json["reason"], await generation()]).toEqual([422, "Invalid", before]);
  });

  it("lets a write hold only for the generation that it was made for", async () => {
    const now = await generation();
    const headers = { ...control.auth(), "content-type": "application/yaml" };
    const send = async (tag: string) =>
      control.raw(
        "POST",
        "/api/v1/apply",
        { ...headers, "if-match": tag },
        rule("a", `h${String(Math.random()).slice(2, 9)}`),
      );
    const written = await send(`"${now}"`);
    expect([written.status, written.headers.get("etag")]).toEqual([200, `"${now + 1}"`]);
    const late = await send(`"${now}"`);
    expect([late.status, (await late.json<{ reason: string }>()).reason]).toEqual([412, "PreconditionFailed"]);
    expect((await send("7")).status).toBe(400);
    expect(await generation()).toBe(now + 1);
  });
});
