import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestAuthority } from "../identity/svids.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { exchange, type Place, placeOf, type RawAnswer } from "../support/raw-http.ts";
import { until } from "../support/until.ts";

const MUTUAL = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: mutual, namespace: default }
spec:
  servers:
    - port: { number: 8443, name: https, protocol: HTTPS }
      tls: { mode: ISTIO_MUTUAL }
      hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: mutual, namespace: default }
spec:
  hosts: ["*"]
  gateways: [mutual]
  http: [{ route: [{ destination: { host: order-service } }] }]
`;

const ASK = "GET /first HTTP/1.1\r\nHost: order-service\r\nConnection: close\r\n\r\n";

/** One request over a connection of its own; `servername` empty: no SNI, as for an address. */
async function ask(place: Place, svid: Svid | null, servername = ""): Promise<RawAnswer> {
  return exchange({ ...place, tls: { ...svid, servername } }, ASK);
}

describe("TLS without a server name, at the first request of a first start", () => {
  let mesh: RunningMesh;
  let web: Svid;
  beforeAll(async () => {
    const ports = ["--port-base", "31300", "--loopback", "127.0.42.0/24"];
    mesh = await RunningMesh.start(["--example", "article", ...ports]);
    await mesh.mustApply(MUTUAL);
    web = await mesh.enrol("default", "web");
  });
  afterAll(async () => mesh?.stop());

  // Each listener is dialled by its address first: nothing that a name makes ready may help.
  it.each([
    { name: "the first gateway", place: () => placeOf(mesh.info.meshes[0] ?? "") },
    { name: "the second gateway", place: () => placeOf(mesh.info.meshes[1] ?? "") },
    { name: "a Gateway's own listener", place: async () => ({ ...(await gatewayAddress()), port: 8443 }) },
  ])("$name gives a workload the same answer by address as by name", async ({ place }) => {
    const at = await place();
    expect((await ask(at, web)).status).toBe(200);
    for (const name of ["order-service", "localhost", "outbound_.80_._.order-service.default.svc.cluster.local"])
      expect([name, (await ask(at, web, name)).status]).toEqual([name, 200]);
  });

  it.each(["", "order-service"])("shows nothing to those who prove nothing (name: `%s`)", async (servername) => {
    const foreign = await (
      await TestAuthority.create("CN=foreign")
    ).issueWithKey("spiffe://cluster.local/ns/default/sa/web");
    const at = placeOf(mesh.info.mesh);
    expect((await ask(at, foreign, servername)).status).toBe(404);
    expect((await ask(at, null, servername)).status).toBe(404);
    expect((await ask(at, web, servername)).status).toBe(200);
  });

  async function gatewayAddress(): Promise<{ readonly host: string }> {
    return until("the Gateway's listener", async () => {
      const answer = await mesh.control("/k8s/apis/networking.istio.io/v1/namespaces/default/gateways/mutual");
      const { status } = JSON.parse(answer.text) as { status?: { addresses?: readonly { value: string }[] } };
      const [address] = status?.addresses ?? [];
      return address && { host: address.value };
    });
  }

  it.each([
    { name: "the gateway's", place: () => placeOf(mesh.info.mesh) },
    { name: "control's", place: () => placeOf(mesh.info.control) },
    { name: "the second gateway's", place: () => placeOf(mesh.info.meshes[1] ?? "") },
  ])("plain HTTP to $name port for TLS is told so", async ({ place }) => {
    const { host, port } = place();
    const { status, headers, body } = await exchange({ host, port }, ASK);
    expect(status).toBe(400);
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.toString()).toContain("https://");
  });

  it("and logs that under the id that the client got", async () => {
    const { host, port } = placeOf(mesh.info.mesh);
    const { headers } = await exchange(
      { host, port },
      "POST /x?token=secret HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n",
    );
    const line = await until("the log's line", () =>
      mesh.accessLog().find(({ request_id }) => request_id === headers.get("x-request-id")),
    );
    expect(line).toMatchObject({
      status: 400,
      details: "plain_http_on_tls_port",
      method: "POST",
      path: "/x",
      query_names: ["token"],
    });
  });

  it("what is neither TLS nor HTTP is told that as well", async () => {
    const { host, port } = placeOf(mesh.info.mesh);
    expect((await exchange({ host, port }, "SSH-2.0-x\r\n\r\n")).status).toBe(400);
  });
});

it("a gateway that was there before the authority trusts it from the first handshake on", async () => {
  const state = mkdtempSync(join(tmpdir(), "tulle-data-first-"));
  const ports = ["--port-base", "31600", "--loopback", "127.0.43.0/24", "--example", "article"];
  const data = await RunningMesh.start(["--only", "data", ...ports], state);
  let control: RunningMesh | null = null;
  try {
    const at = placeOf(data.info.mesh);
    expect((await ask(at, null)).status).toBe(503);
    control = await RunningMesh.start(["--only", "control", ...ports], state);
    const web = await control.enrol("default", "web");
    expect(
      await until("an answer", async () => {
        const { status } = await ask(at, web);
        return status !== 503 && status;
      }),
    ).toBe(200);
  } finally {
    await control?.stop();
    await data.stop();
    rmSync(state, { recursive: true, force: true });
  }
});
