import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labelsIn, seriesKey } from "../../src/telemetry/metrics.ts";
import { RunningControl } from "./running.ts";

const WORLD = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Namespace
metadata: { name: bank }
---
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: {}
---
apiVersion: v1
kind: Service
metadata: { name: api, namespace: shop }
spec: { selector: { app: api }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: api, namespace: shop }
spec: { address: "binding:EP_API", labels: { app: api }, serviceAccount: api }
---
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { selector: { app: cart }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: cart, namespace: shop }
spec: { address: "binding:EP_CART", labels: { app: cart }, serviceAccount: cart }
`;

const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`;

const allow = (name: string, spec: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;

const NONE = allow("all", "{}");
const BY_NAME = allow("by-name", "{ rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/web] } }] }] }");
const BY_NAMESPACE = allow("by-ns", "{ rules: [{ from: [{ source: { namespaces: [shop, bank] } }] }] }");
const BY_PATH = allow(
  "by-path",
  "{ rules: [{ from: [{ source: { namespaces: [bank] } }], to: [{ operation: { paths: [/a] } }] }] }",
);
const DENY = allow("deny", "{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }] }");
const OF_CART = allow(
  "cart",
  "{ selector: { matchLabels: { app: cart } }, rules: [{ from: [{ source: { namespaces: [x] } }] }] }",
);

describe("a change of who is let in", () => {
  let control: RunningControl;
  let sequence = 0;
  beforeAll(async () => {
    control = await RunningControl.start();
    const { status, json } = await control.apply(WORLD);
    expect(status, JSON.stringify(json)).toBe(200);
    await reached({ principal: "spiffe://cluster.local/ns/shop/sa/web" }, 7);
    await reached({ principal: "spiffe://cluster.local/ns/bank/sa/clerk" }, 1);
    await reached({ principal: "unknown" }, 3);
    // Refused by the mesh, told by the other reporter, and folded: nobody was let in by these.
    await reached({ principal: "spiffe://cluster.local/ns/evil/sa/refused", workload: "unknown" }, 9);
    await reached({ principal: "spiffe://cluster.local/ns/evil/sa/twice", reporter: "source" }, 9);
    await reached({ principal: "other", workload: "other" }, 9);
  });
  afterAll(() => control.stop());

  async function reached(
    {
      principal,
      workload = "api",
      reporter = "destination",
    }: { readonly principal: string; readonly workload?: string; readonly reporter?: string },
    requests: number,
  ): Promise<void> {
    const labels = {
      ...labelsIn("[]"),
      reporter,
      source_principal: principal,
      destination_service: "api.shop.svc.cluster.local",
      destination_workload: workload,
      destination_workload_namespace: "shop",
    };
    sequence += 1;
    const metrics = [{ labels: seriesKey(labels), requests, durationMsSum: 1, durationBuckets: [] }];
    await control.rpc("STATE", "report", { source: "test", sequence, metrics, dropped: {} });
  }

  async function warnings(yaml: string, query = "?dryRun=All"): Promise<readonly string[]> {
    const { status, json } = await control.apply(yaml, query);
    expect(status).toBe(200);
    const { results } = json as unknown as { results: { warnings?: string[] }[] };
    return results.flatMap((one) => one.warnings ?? []).filter((text) => /TULLE061\d/.test(text));
  }

  it("to STRICT names those without an identity", async () => {
    expect(await warnings(STRICT)).toEqual([
      "locks out who was seen calling within a day: callers without an identity to shop/api (3 requests) [TULLE0610]",
    ]);
  });

  it("to an ALLOW policy names those whom it does not allow", async () => {
    const [text, ...more] = await warnings(BY_NAME);
    expect(more).toEqual([]);
    expect(text).toContain("callers without an identity to shop/api (3 requests)");
    expect(text).toContain("cluster.local/ns/bank/sa/clerk to shop/api (1 request)");
    expect(text).not.toContain("sa/web");
    expect(await warnings(BY_NAMESPACE)).toEqual([expect.stringContaining("without an identity")]);
    const [all] = await warnings(NONE);
    for (const who of ["sa/web", "sa/clerk", "without an identity"]) expect(all).toContain(who);
    expect(all).not.toContain("evil");
  });

  it("says what it cannot judge by identities alone", async () => {
    const texts = await warnings(BY_PATH);
    expect(texts).toEqual([
      expect.stringMatching(/^locks out .*sa\/web to shop\/api/),
      expect.stringMatching(/^not judged yet: .*: cluster.local\/ns\/bank\/sa\/clerk to shop\/api \(1 request\)/),
    ]);
    expect(await warnings(DENY)).toEqual([expect.stringMatching(/^not judged yet.*\[TULLE0611\]$/)]);
  });

  it("is silent of workloads that nobody was seen calling", async () => {
    expect(await warnings(OF_CART)).toEqual([]);
  });

  it("takes what is written together as one", async () => {
    expect(await warnings(`${BY_NAME}---${BY_NAMESPACE}`)).toEqual([
      expect.stringMatching(/^locks out .*without an identity to shop\/api \(3 requests\) \[TULLE0610\]$/),
    ]);
  });

  it("names nobody who was locked out before, and nobody whom it lets in again", async () => {
    expect(await warnings(STRICT, "")).toHaveLength(1);
    expect(await warnings(STRICT.replace("default", "again"))).toEqual([]);
    expect(await warnings(BY_NAMESPACE)).toEqual([]);
    expect(await warnings(STRICT.replace("STRICT", "PERMISSIVE"), "")).toEqual([]);
  });

  it("locks out nobody where the namespace observes, and says so where it ends to", async () => {
    const mode = (label: string): string =>
      `apiVersion: v1\nkind: Namespace\nmetadata: { name: shop, labels: { tulle.dev/mode: ${label} } }\n---`;
    expect(await warnings(`${mode("observe")}${NONE}`, "")).toEqual([]);
    expect(await warnings(mode("enforce"))).toEqual([expect.stringMatching(/^locks out .*sa\/web to shop\/api/)]);
  });

  it("is told of its own namespace alone where its author may look at no other", async () => {
    const { json } = await control.call("POST", "/api/v1/tokens", { name: "bank", role: "editor", namespace: "bank" });
    const { token } = json as unknown as { token: string };
    const policy = STRICT.replace("namespace: shop", "namespace: bank");
    const answer = await control.call("POST", "/api/v1/apply?dryRun=All", policy, { token, type: "application/yaml" });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(answer.json)).not.toContain("TULLE0610");
  });
});
