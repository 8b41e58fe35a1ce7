import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { listenerOf } from "../support/listener.ts";
import { RunningMesh, type Svid } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const FILES = join(import.meta.dirname, "../../../shared/bookinfo");
const IS_THERE = existsSync(FILES);
if (!IS_THERE) console.log("not run: ../shared");

const file = (name: string): string => readFileSync(join(FILES, `${name}.yaml`), "utf8");

/** Every file of the sample, each applied by one of the tests below. */
const APPLIED = new Set<string>();

const GOOGLE = "www.googleapis.com";

/** What the sample's example has no Workers for: each version is a server on loopback. */
const VERSIONS = [
  { app: "details", version: "v2" },
  { app: "ratings", version: "v2" },
  { app: "ratings", version: "v2-mysql" },
  { app: "ratings", version: "v2-mysql-vm" },
  { app: "cert-manager-resolver", version: "v1" },
];
const STARS: Readonly<Record<string, number>> = { "ratings v2": 1, "ratings v2-mysql": 2, "ratings v2-mysql-vm": 3 };

describe.skipIf(!IS_THERE)("each file of Istio's Bookinfo does what it says", () => {
  let mesh: RunningMesh;
  let details: Svid;
  let jason: string;
  const servers: Server[] = [];
  /** Headers of what came to where public origins are. */
  const outside: IncomingMessage["headers"][] = [];

  beforeAll(async () => {
    const origin = await listen(servers, (request, response) => {
      outside.push(request.headers);
      response.end(JSON.stringify({ items: [{ volumeInfo: { publisher: "From the books API" } }] }));
    });
    mesh = await RunningMesh.start([
      "--port-base",
      "20300",
      "--loopback",
      "127.0.46.0/24",
      "--origin-port",
      String(origin),
    ]);
    details = await mesh.enrol("default", "bookinfo-details");
    const ports = await Promise.all(
      VERSIONS.map(async ({ app, version }) =>
        listen(servers, (request, response) => serve(app, version, request, response)),
      ),
    );
    await mesh.mustApply(settings());
    await mesh.mustApply(
      VERSIONS.map(({ app, version }, index) => workload(app, version, ports[index] ?? 0)).join("\n---\n"),
    );
    const login = await send((mesh.info.page ?? "").replace("/productpage", "/login"), {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "username=jason&passwd=any",
    });
    jason = String(login.headers["set-cookie"]).split(";")[0] ?? "";
  });
  afterAll(async () => {
    await mesh.stop();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(
    app: string,
    version: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const stars = STARS[`${app} ${version}`];
    if (stars !== undefined) return json(response, { id: 0, ratings: { Reviewer1: stars, Reviewer2: stars } });
    if (app !== "details") return json(response, { solved: request.url });
    // As the book service is asked with DO_NOT_ENCRYPT: plain HTTP on port 80, from where the mesh makes TLS of it.
    const books = await mesh.asWorkload(details, `http://${GOOGLE}/books/v1/volumes?q=isbn:0486424618`);
    if (books.status !== 200) return json(response, { error: books.text }, 500);
    const { items } = JSON.parse(books.text) as { items: { volumeInfo: { publisher: string } }[] };
    json(response, { id: 0, publisher: items[0]?.volumeInfo.publisher });
  }

  /** The subsets and everything to v1, then these files over it. */
  async function apply(...names: readonly string[]): Promise<void> {
    for (const name of ["destination-rule-all", "virtual-service-all-v1", ...names]) {
      APPLIED.add(`${name}.yaml`);
      await mesh.mustApply(file(name));
    }
    await mesh.settled();
  }

  const page = async (cookie?: string) =>
    seen((await send(mesh.info.page ?? "", cookie ? { headers: { cookie } } : {})).text);

  /** How often each version of reviews answers the page. */
  async function shares(pages: number): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < pages; i += 1) {
      const { reviews } = await page();
      counts[reviews] = (counts[reviews] ?? 0) + 1;
    }
    return counts;
  }

  beforeEach(async () => {
    await apply();
  });

  it("virtual-service-all-v1, destination-rule-all: no stars at all", async () => {
    const own = { reviews: "v1", stars: "none", publisher: "PublisherA", user: null, error: null };
    expect(await page()).toEqual(own);
    expect(await page(jason)).toEqual({ ...own, user: "jason" });
  });

  it("destination-rule-all-mtls: the same, and each service is called in its caller's name", async () => {
    await apply("destination-rule-all-mtls", "virtual-service-reviews-v3");
    expect(await page()).toMatchObject({ reviews: "v3", stars: "red" });
    await until("the log of the chain", () => {
      const hops = new Set(
        mesh.accessLog().map(({ source_principal: from, destination_service: to }) => `${from} ${to}`),
      );
      return [
        "cluster.local/ns/default/sa/bookinfo-productpage details.default.svc.cluster.local",
        "cluster.local/ns/default/sa/bookinfo-reviews ratings.default.svc.cluster.local",
      ].every((hop) => hops.has(hop));
    });
  });

  it("virtual-service-reviews-v3: red stars", async () => {
    await apply("virtual-service-reviews-v3");
    expect(await page()).toMatchObject({ reviews: "v3", stars: "red" });
  });

  it("virtual-service-reviews-test-v2: black stars for jason alone", async () => {
    await apply("virtual-service-reviews-test-v2");
    expect(await page()).toMatchObject({ reviews: "v1", stars: "none", user: null });
    expect(await page(jason)).toMatchObject({ reviews: "v2", stars: "black", user: "jason" });
  });

  it("virtual-service-reviews-jason-v2-v3: black stars for jason, red ones for others", async () => {
    await apply("virtual-service-reviews-jason-v2-v3");
    expect(await page()).toMatchObject({ reviews: "v3", stars: "red" });
    expect(await page(jason)).toMatchObject({ reviews: "v2", stars: "black" });
  });

  it.each([
    { name: "virtual-service-reviews-50-v3", want: { v1: 50, v3: 50 } },
    { name: "virtual-service-reviews-80-20", want: { v1: 80, v2: 20 } },
    { name: "virtual-service-reviews-90-10", want: { v1: 90, v2: 10 } },
    { name: "virtual-service-reviews-v2-v3", want: { v2: 50, v3: 50 } },
  ])("$name: shares $want", async ({ name, want }) => {
    await apply(name);
    const pages = 400;
    const counts = await shares(pages);
    expect(Object.keys(counts).toSorted()).toEqual(Object.keys(want));
    for (const [version, percent] of Object.entries(want)) {
      const share = percent / 100;
      const sigma = Math.sqrt(pages * share * (1 - share));
      expect(Math.abs((counts[version] ?? 0) - pages * share), `${version}: ${counts[version]}`).toBeLessThan(
        5 * sigma,
      );
    }
  });

  it("destination-rule-reviews: any version, by chance", async () => {
    await apply("destination-rule-reviews");
    await mesh.control("/k8s/apis/networking.istio.io/v1/namespaces/default/virtualservices/reviews", {
      method: "DELETE",
    });
    await mesh.settled();
    const counts = await shares(90);
    expect(Object.keys(counts).toSorted()).toEqual(["v1", "v2", "v3"]);
  });

  it.each([
    { name: "virtual-service-ratings-db", stars: 1 },
    { name: "virtual-service-ratings-mysql", stars: 2 },
    { name: "virtual-service-ratings-mysql-vm", stars: 3 },
  ])("$name: red stars of that version of ratings", async ({ name, stars }) => {
    await apply(name);
    const { text } = await send(mesh.info.page ?? "");
    expect(seen(text)).toMatchObject({ reviews: "v3", stars: "red" });
    expect(text).toContain(`aria-label="${stars} of 5 stars"`);
  });

  it("egress-rule-google-apis is refused without the administrator's leave", async () => {
    const answer = await mesh.apply(file("egress-rule-google-apis"));
    expect(answer.status).toBe(422);
    expect(answer.text).toContain("`www.googleapis.com` is not on `egress.allowedHosts`");
  });

  it("virtual-service-details-v2 and egress-rule-google-apis: the books API is asked, by TLS that the mesh makes", async () => {
    await mesh.mustApply(settings([GOOGLE]));
    await apply("virtual-service-details-v2", "egress-rule-google-apis");
    expect(await page()).toMatchObject({ publisher: "From the books API", reviews: "v1" });
    expect(outside.at(-1)).toMatchObject({ host: GOOGLE });
    expect(outside.at(-1)).not.toHaveProperty("x-forwarded-client-cert");
    await until("the log to tell of the other port", () =>
      mesh.accessLog().some(({ cluster }) => cluster === `outbound|443||${GOOGLE}`),
    );
  });

  it("bookinfo-gateway: what it routes, and 404 for anything else", async () => {
    await apply("bookinfo-gateway");
    const at = (path: string) => send((mesh.info.page ?? "").replace("/productpage", path));
    expect((await at("/productpage")).status).toBe(200);
    expect((await at("/static/style.css")).headers["content-type"]).toContain("text/css");
    expect((await at("/logout")).status).toBe(302);
    expect((await at("/api/v1/products")).text).toContain("The Comedy of Errors");
    for (const path of ["/", "/productpage/", "/admin", "/health", "/metrics"])
      expect((await at(path)).status).toBe(404);
    expect((await send(mesh.info.page ?? "", { host: "any.example.com" })).status).toBe(200);
  });

  it("certmanager-gateway: the challenge of a certificate goes to its solver", async () => {
    await apply("certmanager-gateway");
    const front = await until("the second Gateway to be listened for", () =>
      listener(mesh, "istio-system", "cert-manager-gateway", 80),
    );
    const challenge = await send(`${front}/.well-known/acme-challenge/token`, { host: "shop.example.com" });
    expect([challenge.status, challenge.text]).toEqual([200, '{"solved":"/.well-known/acme-challenge/token"}']);
    expect((await send(`${front}/productpage`, { host: "shop.example.com" })).status).toBe(404);
  });

  it("fault-injection-details-v1: every call of details is aborted with 555", async () => {
    await apply("fault-injection-details-v1");
    expect(await page()).toMatchObject({ publisher: null, error: "Error fetching product details!", reviews: "v1" });
    const api = await send((mesh.info.page ?? "").replace("/productpage", "/api/v1/products/0"));
    expect(api.status).toBe(555);
  });

  it("virtual-service-ratings-test-abort: the ratings error for jason alone", async () => {
    await apply("virtual-service-reviews-jason-v2-v3", "virtual-service-ratings-test-abort");
    expect(await page(jason)).toMatchObject({
      reviews: "v2",
      stars: "none",
      error: "Ratings service is currently unavailable",
    });
    expect(await page()).toMatchObject({ reviews: "v3", stars: "red", error: null });
  });

  it("virtual-service-ratings-test-delay: with reviews v2 the page gives up, with v3 reviews does, for jason alone", async () => {
    await apply("virtual-service-reviews-test-v2", "virtual-service-ratings-test-delay");
    expect(await page(jason)).toMatchObject({ reviews: "", error: "Error fetching product reviews!" });
    expect(await page()).toMatchObject({ reviews: "v1", error: null });
    await apply("virtual-service-reviews-v3", "virtual-service-ratings-test-delay");
    // It gives up half a second before the page does: a machine that is busy then is late.
    const givenUp = await until("reviews to give up in time", async () => {
      const told = await page(jason);
      return told.reviews !== "" && told;
    });
    expect(givenUp).toMatchObject({ reviews: "v3", error: "Ratings service is currently unavailable" });
    expect(await page()).toMatchObject({ reviews: "v3", stars: "red", error: null });
  });

  it("were all of them applied", () => {
    const all = readdirSync(FILES).filter((name) => name.endsWith(".yaml"));
    expect(all.filter((name) => !APPLIED.has(name))).toEqual([]);
  });
});

/** What a reader of the page sees. */
function seen(text: string) {
  const one = (pattern: RegExp) => pattern.exec(text)?.[1] ?? null;
  return {
    reviews: one(/Reviews served by: reviews-(\w+)/) ?? "",
    stars: one(/class="stars (\w+)"/) ?? "none",
    publisher: one(/<th>Publisher<\/th><td>([^<]*)/),
    user: one(/<span>(\w+) \(<a href="\/logout"/),
    error: one(/<div class="error"><h2>([^<]*)/) ?? one(/<span class="error">([^<]*)/),
  };
}

async function listen(
  servers: Server[],
  handler: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<number> {
  const server = createServer(listenerOf(handler));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function settings(allowedHosts: readonly string[] = []): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  privateRanges: [{ range: 127.0.0.0/8, namespaces: ["*"] }]
  egress: { allowedHosts: ${JSON.stringify(allowedHosts)} }`;
}

/** A version of a service on loopback; the solver of certificates is a service of its own. */
function workload(app: string, version: string, port: number): string {
  const namespace = app === "cert-manager-resolver" ? "istio-system" : "default";
  const entry = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${app}-${version}, namespace: ${namespace} }
spec:
  address: 127.0.0.1
  ports: { http: ${port} }
  labels: { app: ${app}, version: ${version} }
  serviceAccount: bookinfo-${app}`;
  if (namespace === "default") return entry;
  return `
apiVersion: v1
kind: Service
metadata: { name: ${app}, namespace: ${namespace} }
spec: { selector: { app: ${app} }, ports: [{ name: http, port: 8089 }] }
---${entry}`;
}

interface GatewayStatus {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: { readonly addresses?: readonly { readonly value: string }[] };
}

/** @returns where the edge listens for a Gateway's port, as URL; false where it does not yet */
async function listener(mesh: RunningMesh, namespace: string, name: string, port: number): Promise<string | false> {
  const answer = await mesh.control(`/k8s/apis/networking.istio.io/v1/namespaces/${namespace}/gateways/${name}`);
  const { metadata, status } = JSON.parse(answer.text) as GatewayStatus;
  const address = status?.addresses?.[0]?.value;
  const bound = new RegExp(`(?:^|,)${port}=(\\d+)`).exec(metadata.annotations?.["tulle.dev/bound-ports"] ?? "")?.[1];
  return address === undefined ? false : `http://${address}:${bound ?? port}`;
}
