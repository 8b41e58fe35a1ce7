import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PAYMENT = "http://payment-service.default.svc.cluster.local/api/v1/charge";

const federatedWith = (trustDomain: string, other: RunningMesh) => `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  federation:
    - trustDomain: ${trustDomain}
      bundleEndpointURL: ${other.info.controlHttp}/api/v1/spiffe-bundle
`;
const allowing = (trustDomain: string) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: payment-service-authz, namespace: default }
spec:
  selector: { matchLabels: { app: payment-service } }
  rules:
    - from: [{ source: { principals: ["${trustDomain}/ns/default/sa/order-service"] } }]
`;

describe("two meshes that federate", () => {
  let left: RunningMesh;
  let right: RunningMesh;
  let ofLeft: Svid;
  let ofRight: Svid;

  const start = async (name: string, port: string, net: string) =>
    RunningMesh.start(["--trust-domain", name, "--port-base", port, "--loopback", net, "--example", "article"]);
  const call = async (mesh: RunningMesh, svid: Svid) =>
    (await mesh.asWorkload(svid, PAYMENT, { method: "POST" })).status;

  beforeAll(async () => {
    left = await start("left.test", "19000", "127.0.81.0/24");
    right = await start("right.test", "19500", "127.0.82.0/24");
    ofLeft = await left.enrol("default", "order-service");
    ofRight = await right.enrol("default", "order-service");
    await until("the left to serve", async () => (await call(left, ofLeft)) === 200);
    await until("the right to serve", async () => (await call(right, ofRight)) === 200);
  });
  afterAll(async () => {
    await left.stop();
    await right.stop();
  });

  it("do not know each other's workloads before", async () => {
    expect([await call(right, ofLeft), await call(left, ofRight)]).toEqual([404, 404]);
    expect([await call(left, ofLeft), await call(right, ofRight)]).toEqual([200, 200]);
  });

  it("call each other by certificates of their own, as policies say by name", async () => {
    await left.mustApply(`${federatedWith("right.test", right)}---${allowing("right.test")}`);
    await right.mustApply(`${federatedWith("left.test", left)}---${allowing("left.test")}`);
    await until("the left to be let in", async () => (await call(right, ofLeft)) === 200);
    await until("the right to be let in", async () => (await call(left, ofRight)) === 200);
    await until("the log of it", () =>
      JSON.stringify(right.accessLog().findLast(({ status }) => status === 200)).includes(
        "left.test/ns/default/sa/order-service",
      ),
    );
  });

  it("keep others out: another workload of the neighbour, and their own of the same name", async () => {
    expect(await call(right, await left.enrol("default", "web"))).toBe(403);
    expect(await call(right, ofRight)).toBe(403);
  });

  it("go on while the neighbour's control is away", async () => {
    await left.stop();
    expect(await call(right, ofLeft)).toBe(200);
  });
});
