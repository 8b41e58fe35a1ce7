import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authorityKey, keySecret } from "../support/authority-key.ts";
import { send } from "../support/http.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { svidProof } from "../support/svid-proof.ts";
import { until } from "../support/until.ts";
import { toolPath } from "../support/tools.ts";

const openssl = toolPath("openssl") ?? "";
const curl = toolPath("curl") ?? "";

/** `web.test` is behind a Gateway whose policy names a principal; `open.test` behind one without. */
const WORLD = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: guarded }
spec:
  selector: { istio: guarded }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [web.test]
      tls: { mode: OPTIONAL_MUTUAL, credentialName: web }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: open }
spec:
  selector: { istio: open }
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [open.test]
      tls: { mode: OPTIONAL_MUTUAL, credentialName: open }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec:
  hosts: [web.test, open.test]
  gateways: [guarded, open]
  http: [{ route: [{ destination: { host: reviews-service } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: guarded, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: guarded } }
  rules: [{ from: [{ source: { principals: ["cluster.local/ns/default/sa/web"] } }] }]
`;

const SHOWN = "shown.default.svc.cluster.local";

/** What a gateway signs for a service at a private address, of a call with this certificate. */
async function assertionOf(mesh: RunningMesh, { cert, key }: Svid): Promise<string> {
  const server = createServer(({ headers }, response) => response.end(String(headers["x-tulle-assertion"])));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await mesh.mustApply(`
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: { privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }] }
---
apiVersion: v1
kind: Service
metadata: { name: shown }
spec:
  selector: { app: shown }
  ports: [{ name: http, port: 80, targetPort: ${(server.address() as AddressInfo).port} }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: shown }
spec: { address: 127.0.0.1, labels: { app: shown }, serviceAccount: shown }`);
    const tls = { ca: mesh.ca, cert, key, servername: `outbound_.80_._.${SHOWN}` };
    const answer = await until("an assertion", async () => {
      const { status, text } = await send(mesh.info.mesh, { host: SHOWN, tls });
      return status === 200 && text;
    });
    return answer || "";
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

describe.skipIf(openssl === "" || curl === "")("certificates, by openssl and curl", () => {
  let mesh: RunningMesh;
  let folder: string;
  let web: Svid;

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "26000", "--loopback", "127.0.28.0/24", "--service-ports"]);
    folder = mkdtempSync(join(tmpdir(), "tulle-tls-"));
    web = await mesh.enrol("default", "web");
    writeFileSync(join(folder, "web.pem"), web.cert);
    writeFileSync(join(folder, "web.key"), web.key);
    const bundle = await send(`${mesh.info.controlHttp}/api/v1/bundle`);
    writeFileSync(join(folder, "mesh-ca.pem"), bundle.text);
    makeForeignCertificate(folder);
    await makeTwoNamedCertificate(folder, mesh.info.stateDir);
    const expired = await mesh.enrol("default", "web", 1);
    writeFileSync(join(folder, "expired.pem"), expired.cert);
    writeFileSync(join(folder, "expired.key"), expired.key);
    await mesh.mustApply(WORLD);
    await until("the listeners", async () => (await ask("open", "open.test", "web")).status === 200);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await mesh.stop();
  });

  /** curl with that certificate to the HTTPS listener of a Gateway. */
  async function ask(gateway: string, host: string, cert: string) {
    const object = JSON.parse(
      (await mesh.control(`/k8s/apis/networking.istio.io/v1/namespaces/default/gateways/${gateway}`)).text,
    ) as { metadata: { annotations?: Record<string, string> }; status?: { addresses?: { value: string }[] } };
    const address = object.status?.addresses?.[0]?.value;
    const bound = /443=(\d+)/.exec(object.metadata.annotations?.["tulle.dev/bound-ports"] ?? "")?.[1] ?? "443";
    return curlTo(`https://${host}:${bound}/`, host, bound, address ?? "127.0.0.1", cert);
  }

  function curlTo(url: string, host: string, port: string, address: string, cert: string) {
    const run = spawnSync(
      curl,
      [
        "--silent",
        "--show-error",
        "--max-time",
        "10",
        "--cacert",
        mesh.info.caFile,
        "--insecure",
        "--cert",
        join(folder, `${cert}.pem`),
        "--key",
        join(folder, `${cert}.key`),
        "--resolve",
        `${host}:${port}:${address}`,
        "--write-out",
        "\n%{http_code}",
        url,
      ],
      { encoding: "utf8" },
    );
    const lines = run.stdout.split("\n");
    return { status: Number(lines.at(-1)), body: lines.slice(0, -1).join("\n"), stderr: run.stderr };
  }

  /** curl with that certificate to the mesh's own TLS port, asking for a host that no Gateway exposes. */
  function askMesh(cert: string) {
    const { hostname, port } = new URL(mesh.info.mesh);
    return curlTo(`https://reviews-service:${port}/`, "reviews-service", port, hostname, cert);
  }

  it("what the authority issues passes openssl verify, with one SPIFFE URI", () => {
    const verified = execFileSync(
      openssl,
      [
        "verify",
        "-x509_strict",
        "-CAfile",
        join(folder, "mesh-ca.pem"),
        "-untrusted",
        join(folder, "web.pem"),
        join(folder, "web.pem"),
      ],
      { encoding: "utf8" },
    );
    expect(verified).toContain("web.pem: OK");
    const text = execFileSync(openssl, ["x509", "-in", join(folder, "web.pem"), "-noout", "-ext", "subjectAltName"], {
      encoding: "utf8",
    });
    expect(text).toContain("URI:spiffe://cluster.local/ns/default/sa/web");
  });

  it("SVIDs, the bundle and an assertion verify with jose in a program that knows only what is published", async () => {
    const key = createPrivateKey(web.key);
    const audience = "spiffe://cluster.local/ns/default/sa/shown";
    const { nonce } = JSON.parse((await mesh.control("/api/v1/nonces", { method: "POST" })).text) as { nonce: string };
    const proof = svidProof(key, { aud: "tulle://cluster.local", nonce, for: "jwt-svid", audience });
    const made = await send(`${mesh.info.controlHttp}/api/v1/jwt-svid`, {
      method: "POST",
      headers: { authorization: `Bearer ${proof}`, "content-type": "application/json" },
      body: JSON.stringify({ certificate: web.cert, audience }),
    });
    const { token: jwtSvid } = JSON.parse(made.text) as { token: string };
    const assertion = await assertionOf(mesh, web);
    const shown = {
      control: mesh.info.controlHttp,
      trustDomain: "cluster.local",
      svid: web.cert,
      signed: proof,
      jwtSvid,
      audience,
      assertion,
      service: SHOWN,
    };
    const verify = (input: typeof shown) =>
      spawnSync(process.execPath, [join(import.meta.dirname, "../support/verify-published.ts")], {
        input: JSON.stringify(input),
        encoding: "utf8",
      });
    const { status, stdout, stderr } = verify(shown);
    const id = "spiffe://cluster.local/ns/default/sa/web";
    expect([status, stdout.trim(), stderr]).toEqual([0, JSON.stringify([id, id, id]), ""]);
    const foreign = readFileSync(join(folder, "foreign.pem"), "utf8");
    const swapped = (text: string) => text.replace(/\.[^.]+\./, (part) => `.${part.slice(1, -1)}x.`);
    for (const other of [
      { ...shown, svid: foreign },
      { ...shown, jwtSvid: swapped(jwtSvid) },
      { ...shown, assertion: swapped(assertion) },
      { ...shown, service: "other.default.svc.cluster.local" },
    ])
      expect(verify(other).status).toBe(1);
  });

  it("a good certificate works in curl: on the mesh's port, and where a policy names its principal", async () => {
    // The first call of each may come before the gateway knows the service.
    await until("the mesh's port", () => askMesh("web").status === 200);
    await until("the other listener", async () => (await ask("guarded", "web.test", "web")).status === 200);
  });

  it.each([
    { cert: "foreign", reason: "certificate_unverified" },
    { cert: "expired", reason: "certificate_unverified" },
    { cert: "two-names", reason: "certificate_uri_count" },
  ])(
    "a $cert certificate counts as none on the mesh's port and is refused where one is validated, with the reason in the log",
    async ({ cert, reason }) => {
      expect(askMesh(cert)).toMatchObject({ status: 404 });
      expect(await ask("guarded", "web.test", cert)).toMatchObject({ status: 403 });
      expect(await ask("open", "open.test", cert)).toMatchObject({ status: 403 });
      await until("the reason", () =>
        mesh.accessLog().some((record) => record.authority.startsWith("open.test") && record.peer_refused === reason),
      );
    },
  );

  it("under STRICT a call without identity is 403, and a browser through the Gateway is still served", async () => {
    await mesh.mustApply(STRICT);
    const anonymous = () => send(`${mesh.info.services?.anonymous}/call/reviews-service.default.svc.cluster.local/`);
    await until("STRICT", async () => (await anonymous()).status === 403);
    await until("the whole page", async () => {
      const { status, text } = await send(mesh.info.page ?? "");
      return status === 200 && text.includes("PublisherA");
    });
  });

  const EXTENSIONS = (san: string) =>
    `subjectAltName=critical,${san}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n`;
  const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

  function sign(into: string, name: string, san: string, ca: string, caKey: string): void {
    const run = (...args: string[]) => execFileSync(openssl, args, { cwd: into, stdio: "pipe" });
    writeFileSync(join(into, `${name}.ext`), EXTENSIONS(san));
    run("req", ...NEW_KEY, "-subj", "/", "-keyout", `${name}.key`, "-out", `${name}.csr`);
    const by = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-sha256", "-days", "1"];
    run("x509", "-req", "-in", `${name}.csr`, ...by, "-extfile", `${name}.ext`, "-out", `${name}.pem`);
  }

  /** Another authority's certificate for a name of this mesh. */
  function makeForeignCertificate(into: string): void {
    const self = [
      "req",
      "-x509",
      ...NEW_KEY,
      "-days",
      "1",
      "-subj",
      "/CN=foreign",
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
    ];
    execFileSync(openssl, self, { cwd: into, stdio: "pipe" });
    sign(into, "foreign", "URI:spiffe://cluster.local/ns/default/sa/web", "ca.pem", "ca.key");
  }

  /** The mesh's own authority never issues one: it is signed here with its key, taken out of its storage by its secret. */
  async function makeTwoNamedCertificate(into: string, state: string): Promise<void> {
    const { certificate, key } = await authorityKey(join(state, "control"), keySecret(state));
    writeFileSync(join(into, "mesh-ca.key"), key);
    writeFileSync(join(into, "mesh-intermediate.pem"), certificate);
    const san = ["web", "order-service"].map((name) => `URI:spiffe://cluster.local/ns/default/sa/${name}`).join(",");
    sign(into, "two-names", san, "mesh-intermediate.pem", "mesh-ca.key");
    // As a workload's file it holds what stands between it and the root.
    writeFileSync(join(into, "two-names.pem"), readFileSync(join(into, "two-names.pem"), "utf8") + certificate);
  }
});
