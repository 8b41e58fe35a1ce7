import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** Only who proves that it is `web` or `late` gets an answer of the service. */
const ONLY_PROVEN = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: proven, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  rules: [{ from: [{ source: { principals: ["cluster.local/ns/default/sa/*"] } }] }]
`;

describe("rotation under load", () => {
  let mesh: RunningMesh;
  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "28400", "--loopback", "127.0.84.0/24"]);
    await mesh.mustApply(ONLY_PROVEN);
    await mesh.settled();
  });
  afterAll(() => mesh.stop());

  const post = async (path: string, body: unknown) => {
    const answer = await mesh.control(`/api/v1${path}`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    });
    if (answer.status > 299) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as { readonly signsFrom: number };
  };
  const call = async (svid: Svid) => (await mesh.asWorkload(svid, "http://reviews-service/")).status;

  it("of the root fails no request of clients with certificates of the old one and the new one", async () => {
    const clients = [await mesh.enrol("default", "web")];
    const issuers = new Set(clients.map(({ cert }) => cert.split("-----BEGIN CERTIFICATE-----")[2]));
    const load = { runs: true };
    const statuses: number[] = [];
    const clientsRun = Array.from({ length: 4 }, async (_, index) => {
      while (load.runs) statuses.push(await call(clients[index % clients.length]!));
    });
    try {
      // Longer than the edge takes to ask for the roots again.
      const { signsFrom } = await post("/ca/rotate", { what: "root", afterSeconds: 15 });
      await until("the next root to sign", async () => Date.now() > signsFrom);
      clients.push(await mesh.enrol("default", "late"));
      issuers.add(clients[1]!.cert.split("-----BEGIN CERTIFICATE-----")[2]);
      const before = statuses.length;
      await until("load with both", async () => statuses.length > before + 300);
      const second = await post("/ca/rotate", { what: "intermediate", afterSeconds: 10 });
      await until("the next intermediate to sign", async () => Date.now() > second.signsFrom);
      clients.push(await mesh.enrol("default", "late"));
      issuers.add(clients[2]!.cert.split("-----BEGIN CERTIFICATE-----")[2]);
      const then = statuses.length;
      await until("load with all three", async () => statuses.length > then + 300);
    } finally {
      load.runs = false;
      await Promise.all(clientsRun);
    }
    expect(issuers.size).toBe(3);
    expect(statuses.length).toBeGreaterThan(600);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  it("a revoked certificate is refused, with its code in the log", async () => {
    const svid = await mesh.enrol("default", "web");
    expect(await call(svid)).toBe(200);
    await post("/revocations", { spiffeId: "spiffe://cluster.local/ns/default/sa/web", reason: "test" });
    await until("the gateways to refuse it", async () => (await call(svid)) !== 200);
    await until("the log", () => mesh.accessLog().some(({ peer_refused: why }) => why === "certificate_revoked"));
  });
});
