import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";

const GROUP = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: vms, namespace: shop }
spec: { template: { labels: { app: cart }, ports: { http: 8080 }, serviceAccount: cart } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: vms-binding-ep-mine, namespace: shop }
spec: { address: "binding:EP_MINE" }`;

const ENTRIES = "/k8s/apis/networking.istio.io/v1/namespaces/shop/workloadentries";

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
  expect((await control.apply(GROUP)).status).toBe(200);
});
afterAll(() => control.stop());

const register = async (body: unknown, token?: string, group = "vms") =>
  control.call("POST", `/api/v1/workload-groups/shop/${group}/register`, body, token === undefined ? {} : { token });
const deregister = async (address: string) =>
  control.call("POST", "/api/v1/workload-groups/shop/vms/deregister", { address });
const entry = async (name: string) => control.call("GET", `${ENTRIES}/${name}`);
const generation = async () => (await control.call("GET", "/api/v1/status")).json["generation"];

describe("a workload of a group", () => {
  it("registers, renews for nothing, and deregisters", async () => {
    const address = "binding:EP_ONE";
    const made = await register({ address, labels: { version: "v1" }, locality: "eu/a" });
    expect([made.status, made.json]).toEqual([
      201,
      { namespace: "shop", name: "vms-binding-ep-one", action: "created", expiresAt: null, warnings: [] },
    ]);
    expect((await entry("vms-binding-ep-one")).json).toMatchObject({
      metadata: {
        annotations: { "istio.io/autoRegistrationGroup": "vms" },
        ownerReferences: [{ kind: "WorkloadGroup", name: "vms", controller: true }],
      },
      spec: { address, labels: { app: "cart", version: "v1" }, locality: "eu/a", serviceAccount: "cart" },
    });
    const before = await generation();
    const again = await register({ address, labels: { version: "v1" }, locality: "eu/a" });
    expect([again.status, again.json["action"]]).toEqual([200, "unchanged"]);
    expect(await generation()).toBe(before);
    expect((await deregister(address)).status).toBe(204);
    expect((await entry("vms-binding-ep-one")).status).toBe(404);
    expect((await deregister(address)).status).toBe(404);
  });

  it("with a lease is removed when it does not renew it, and without one stays", async () => {
    await register({ address: "binding:EP_STAYS" });
    const made = await register({ address: "binding:EP_GOES", ttlSeconds: 10 });
    expect(Date.parse(String(made.json["expiresAt"]))).toBeGreaterThan(Date.now());
    const at = await generation();
    // To renew is no change of the configuration.
    expect((await register({ address: "binding:EP_GOES", ttlSeconds: 86_400 })).json["action"]).toBe("unchanged");
    expect((await register({ address: "binding:EP_GOES", ttlSeconds: 10 })).json["action"]).toBe("unchanged");
    expect(await generation()).toBe(at);
    await until("the lease has ended", async () => (await entry("vms-binding-ep-goes")).status === 404);
    expect((await entry("vms-binding-ep-stays")).status).toBe(200);
    const audit = await control.call("GET", "/api/v1/audit");
    expect(JSON.stringify(audit.json)).toContain("expire-workload");
  });

  it("goes with its group, unless that is deleted alone", async () => {
    const group = GROUP.split("---\n")[1]?.replace("vms", "spare") ?? "";
    const GROUPS = ENTRIES.replace("workloadentries", "workloadgroups");
    const statuses = async () =>
      Promise.all(["spare-binding-ep-x", "spare-binding-ep-y"].map(async (name) => (await entry(name)).status));
    expect((await control.apply(group)).status).toBe(200);
    for (const address of ["binding:EP_X", "binding:EP_Y"]) await register({ address }, undefined, "spare");
    expect((await control.call("DELETE", `${GROUPS}/spare`, { propagationPolicy: "Nobody" })).status).toBe(400);
    expect((await control.call("DELETE", `${GROUPS}/spare`, { propagationPolicy: "Orphan" })).status).toBe(200);
    expect(await statuses()).toEqual([200, 200]);
    expect((await control.apply(group)).status).toBe(200);
    expect((await control.call("DELETE", `${GROUPS}/spare?dryRun=All`)).status).toBe(200);
    expect(await statuses()).toEqual([200, 200]);
    expect((await control.call("DELETE", `${GROUPS}/spare`)).status).toBe(200);
    expect(await statuses()).toEqual([404, 404]);
    expect((await entry("vms-binding-ep-mine")).status).toBe(200);
  });

  it("takes no entry over that another made", async () => {
    expect((await register({ address: "binding:EP_MINE" })).status).toBe(409);
    expect((await deregister("binding:EP_MINE")).status).toBe(409);
  });

  it("is refused like a WorkloadEntry would be", async () => {
    const refused = await register({ address: "169.254.169.254" });
    expect([refused.status, refused.json["message"]]).toEqual([422, expect.stringContaining("spec.address")]);
    expect((await register({ address: "binding:EP_A", ttlSeconds: 1 })).status).toBe(400);
    expect((await register({ address: "binding:EP_A" }, undefined, "none")).status).toBe(404);
  });

  it("needs a token that may write WorkloadEntries there", async () => {
    const tokenOf = async (role: string, namespace: string) =>
      String((await control.call("POST", "/api/v1/tokens", { name: "t", role, namespace })).json["token"]);
    expect((await register({ address: "binding:EP_A" }, await tokenOf("viewer", "shop"))).status).toBe(403);
    expect((await register({ address: "binding:EP_A" }, await tokenOf("editor", "other"))).status).toBe(403);
    expect((await register({ address: "binding:EP_A" }, await tokenOf("editor", "shop"))).status).toBe(201);
    expect((await register({ address: "binding:EP_A" }, "no-token")).status).toBe(401);
  });
});

const REHEARSALS = "/k8s/apis/tulle.dev/v1alpha1/namespaces/shop/faultrehearsals";

function rehearsal(name: string, inMs: number) {
  const endsAt = new Date(Date.now() + inMs).toISOString();
  const spec = { targetRef: { kind: "Service", name: "cart" }, delay: { fixedDelay: "1s" }, endsAt };
  return { apiVersion: "tulle.dev/v1alpha1", kind: "FaultRehearsal", metadata: { name, namespace: "shop" }, spec };
}

describe("a rehearsal", () => {
  const names = async () => {
    const { json } = await control.call("GET", REHEARSALS);
    const { items } = json as unknown as {
      readonly items: readonly { readonly metadata: { readonly name: string } }[];
    };
    return items.map(({ metadata }) => metadata.name);
  };

  it("is removed at its end, which the audit tells, and no rollback brings it back", async () => {
    expect((await control.call("POST", REHEARSALS, rehearsal("first", 3_600_000))).status).toBe(201);
    const both = Number(await generation()) + 1;
    let made = 0;
    // One that comes too late on a busy machine is refused, since its end is past.
    for (const life of [1_500, 6_000, 60_000])
      if (made !== 201) made = (await control.call("POST", REHEARSALS, rehearsal("other", life))).status;
    expect(made).toBe(201);
    await until("the other has ended", async () => (await names()).join() === "first");
    expect(JSON.stringify((await control.call("GET", "/api/v1/audit")).json)).toContain("end-rehearsal");
    expect((await control.call("DELETE", `${REHEARSALS}/first`)).status).toBe(200);
    expect((await control.call("POST", "/api/v1/rollback", { generation: both })).status).toBe(200);
    expect(await names()).toEqual(["first"]);
  });

  it("is for an editor of its own namespace, and not for a viewer or an editor of another", async () => {
    for (const [role, namespace, status] of [
      ["editor", "shop", 201],
      ["editor", "bank", 403],
      ["viewer", "shop", 403],
    ] as const) {
      const made = await control.call("POST", "/api/v1/tokens", { name: `${role}-${namespace}`, role, namespace });
      const answer = await control.call("POST", REHEARSALS, rehearsal(`of-${namespace}`, 60_000), {
        token: String(made.json["token"]),
      });
      expect([role, namespace, answer.status]).toEqual([role, namespace, status]);
    }
  });
});
