import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

/** Behaves as oauth2-proxy does: who has no session is sent to log in, who has one is told to the service. */
function sessions(): Server {
  return createServer(({ headers, url }, response) => {
    if (headers.cookie?.includes("_oauth2_proxy=good") === true) {
      response.writeHead(200, { "x-auth-request-user": "ann", "set-cookie": "_oauth2_proxy=newer; HttpOnly" }).end();
      return;
    }
    const location = `https://login.test/authorize?state=${encodeURIComponent(url ?? "")}`;
    response.writeHead(302, { location, "set-cookie": "_oauth2_proxy_csrf=1; HttpOnly", "x-internal": "1" });
    response.end('<a href="/">Found</a>');
  });
}

const configuration = (port: number) => `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }]
  extensionProviders:
    - name: details
      envoyExtAuthzHttp:
        service: details.default.svc.cluster.local
        port: 9080
        timeout: 10s
        pathPrefix: /details
    - name: sessions
      envoyExtAuthzHttp:
        service: sessions.default.svc.cluster.local
        port: "4180"
        timeout: 10s
        includeRequestHeadersInCheck: [cookie]
        headersToUpstreamOnAllow: [x-auth-request-user]
        headersToDownstreamOnDeny: [set-cookie, content-type]
        headersToDownstreamOnAllow: [set-cookie]
    - name: text
      envoyFileAccessLog: { logFormat: { text: "%RESPONSE_CODE% %REQ(:METHOD)% %REQ(:PATH)% by %DOWNSTREAM_PEER_URI_SAN%" } }
    - name: nowhere
      envoyExtAuthzHttp: { service: nowhere.default.svc.cluster.local, port: 80, timeout: 1s, statusOnError: 503 }
---
apiVersion: v1
kind: Service
metadata: { name: sessions }
spec: { selector: { app: sessions }, ports: [{ name: http, port: 4180, targetPort: ${port} }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: sessions }
spec: { address: 127.0.0.1, labels: { app: sessions }, serviceAccount: sessions }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-details }
spec:
  selector: { matchLabels: { app: reviews } }
  action: CUSTOM
  provider: { name: details }
  rules: [{}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-sessions }
spec:
  selector: { matchLabels: { app: ratings } }
  action: CUSTOM
  provider: { name: sessions }
  rules: [{}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ann }
spec:
  selector: { matchLabels: { app: ratings } }
  rules: [{ when: [{ key: "request.headers[x-auth-request-user]", values: [ann] }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: watch, annotations: { istio.io/dry-run: "true" } }
spec:
  selector: { matchLabels: { app: details } }
  action: DENY
  rules: [{}]
`;

describe("external authorizers of a mesh", () => {
  let mesh: RunningMesh;
  let page: Svid;
  const server = sessions();

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    mesh = await RunningMesh.start(["--port-base", "24800", "--loopback", "127.0.94.0/24", "--service-ports"]);
    page = await mesh.enrol("default", "bookinfo-productpage");
    await mesh.mustApply(configuration((server.address() as AddressInfo).port));
    await mesh.settled();
    for (const url of ["http://reviews:9080/1", "http://ratings:9080/ratings/0"])
      await until(`${url} to be known`, async () => (await get(url)).status < 500);
  });
  afterAll(async () => {
    server.close();
    await mesh.stop();
  });

  const get = (url: string, headers: Record<string, string> = {}) => mesh.asWorkload(page, url, { headers });

  it("may be Workers of the mesh: what such a one refuses no service sees", async () => {
    // The Worker `details` knows numbers alone: it is asked for /details/0, and for /details/reviews/0.
    const passed = await get("http://reviews:9080/0");
    expect([passed.status, passed.text]).toEqual([400, '{"error":"please provide numeric product ID"}']);
    const refused = await get("http://reviews:9080/reviews/0");
    expect([refused.status, refused.text]).toEqual([404, '{"error":"not found"}']);
    const lines = await until("the lines of both", () => {
      const of = mesh.accessLog().filter(({ destination_service: to }) => to?.startsWith("reviews."));
      return of.at(-1)?.path === "/reviews/0" && of.at(-2)?.path === "/0" && of.slice(-2);
    });
    expect(lines).toMatchObject([
      { path: "/0", details: "via_upstream" },
      { path: "/reviews/0", details: "ext_authz_denied", policy: "default/ask-details", response_flags: "UAEX" },
    ]);
  });

  it("may send a browser to log in, and tell the service who came back", async () => {
    const url = "http://ratings:9080/ratings/0";
    const first = await get(url, { "x-auth-request-user": "ann" });
    expect([first.status, first.headers.location, first.headers["x-internal"]]).toEqual([
      302,
      "https://login.test/authorize?state=%2Fratings%2F0",
      undefined,
    ]);
    expect(first.headers["set-cookie"]).toEqual(["_oauth2_proxy_csrf=1; HttpOnly"]);
    const second = await get(url, { cookie: "_oauth2_proxy=good" });
    expect([second.status, JSON.parse(second.text)]).toMatchObject([200, { id: 0 }]);
    expect(second.headers["set-cookie"]).toEqual(["_oauth2_proxy=newer; HttpOnly"]);
  });

  it("are explained by control, with the answers that are told", async () => {
    const ask = async (checks: readonly object[]) => {
      const facts = { host: "ratings.default.svc.cluster.local", port: 9080, path: "/ratings/0", checks };
      const answer = await mesh.control("/api/v1/decide", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ facts }),
      });
      return JSON.parse(answer.text) as { decision?: { effect: string; code?: string; status?: number } };
    };
    expect(await ask([])).toMatchObject({ message: expect.stringContaining("the provider `sessions` is asked") });
    expect((await ask([{ provider: "sessions", status: 302 }])).decision).toMatchObject({
      code: "ext_authz_denied",
      status: 302,
    });
    const ann = { provider: "sessions", status: 200, headers: { "x-auth-request-user": "ann" } };
    expect((await ask([ann])).decision).toMatchObject({ effect: "forward" });
    expect((await ask([{ provider: "sessions" }])).decision).toMatchObject({ code: "ext_authz_error" });
  });

  it("leave dry runs alone, which are told", async () => {
    expect((await get("http://details:9080/details/0")).status).toBe(200);
    const line = await until("its line", () =>
      mesh.accessLog().findLast(({ path, dry_run: dry }) => path === "/details/0" && dry !== undefined),
    );
    expect(line.dry_run).toEqual([
      { action: "DENY", shadow_engine_result: "denied", shadow_effective_policy_id: "default/watch" },
    ]);
  });

  it("refuse where nobody is there to ask", async () => {
    await mesh.mustApply(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask-details }
spec:
  selector: { matchLabels: { app: reviews } }
  action: CUSTOM
  provider: { name: nowhere }
  rules: [{}]`);
    await mesh.settled();
    expect((await get("http://reviews:9080/0")).status).toBe(403);
  });

  it("stand beside providers of the log: a Telemetry has lines of another form, and labels of its own", async () => {
    await mesh.mustApply(`
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: details }
spec:
  selector: { matchLabels: { app: details } }
  accessLogging: [{ providers: [{ name: text }], filter: { expression: "response.code < 500" } }]
  metrics: [{ overrides: [{ match: { metric: REQUEST_COUNT }, tagOverrides: { method: { value: request.method } } }] }]`);
    await mesh.settled();
    await get("http://details:9080/details/7?key=hidden");
    const log = () => readFileSync(join(mesh.info.stateDir, "access.log"), "utf8").split("\n");
    await until("the line to be there", () =>
      log().some((line) => line.startsWith("200 GET /details/7?key by spiffe:")),
    );
    await until("the metrics to have the label", async () => {
      const { text } = await mesh.control("/metrics");
      return /^istio_requests_total\{reporter="destination".*method="GET"\} \d+$/m.test(text);
    });
  });
});
