import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dashboardFiles } from "../../project/dashboard-files.ts";
import { axeViolations } from "../support/browser.ts";
import { RunningDashboard } from "../support/dashboard.ts";
import type { RunningMesh } from "../support/mesh.ts";
import { toolPath } from "../support/tools.ts";
import { until } from "../support/until.ts";

const PORT_BASE = 20_900;
/** What the browser loads before anything is clicked. */
const MAX_INITIAL_BYTES = 250_000;
/** Until something useful is drawn of a large mesh. */
const MAX_DRAWING_MS = 3_000;

/** Every page, with what shows that its data has come. */
const PAGES: readonly { readonly hash: string; readonly heading: string; readonly shows: string }[] = [
  { hash: "graph", heading: "Service graph", shows: "reviews-v3" },
  { hash: "services", heading: "Services", shows: "default/productpage-v1" },
  { hash: "services/default/reviews", heading: "Service default/reviews", shows: "default/reviews-v2" },
  { hash: "workloads/default/reviews-v2", heading: "Workload default/reviews-v2", shows: "Whom it calls" },
  { hash: "routes", heading: "Routes", shows: "default/bookinfo/0" },
  { hash: "routes/default/bookinfo/0", heading: "Route default/bookinfo/0", shows: "p95" },
  { hash: "gateways", heading: "Gateways", shows: "default/bookinfo-gateway" },
  { hash: "gateways/gateway-a", heading: "Gateway gateway-a", shows: "EP_REVIEWS_V1" },
  { hash: "tail", heading: "Live requests", shows: "/productpage" },
  { hash: "explain", heading: "Explain", shows: "A request that might be sent" },
  { hash: "policies", heading: "Policies", shows: "default/reviews-from-productpage" },
  {
    hash: "object/authorizationpolicies/default/reviews-from-productpage",
    heading: "AuthorizationPolicy default/reviews-from-productpage",
    shows: "refuses what no policy allows",
  },
  { hash: "history?generation=2", heading: "History", shows: "AuthorizationPolicy default/reviews-from-productpage" },
  { hash: "certificates", heading: "Certificates", shows: "What rotates next" },
  { hash: "ejections", heading: "Ejections", shows: "No endpoint was ejected" },
  { hash: "versions", heading: "Versions", shows: "current" },
];

describe.skipIf(toolPath("chromium") === null)("the dashboard in Chromium", () => {
  let dashboard: RunningDashboard;
  let mesh: RunningMesh;
  let page: Page;
  beforeAll(async () => {
    dashboard = await RunningDashboard.start(PORT_BASE, "127.0.69");
    ({ mesh, page } = dashboard);
    await dashboard.untilCounted();
  });
  afterAll(() => dashboard?.stop());

  const open = async (hash: string, heading: string) => dashboard.open(hash, heading);
  const link = async (token?: string) => dashboard.link(token);

  it("asks for a sign-in, which a link gives once and leaves no trace of", async () => {
    await page.goto(`${mesh.info.controlHttp}/ui/`);
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    const way = await link();
    await page.goto(way);
    await page.reload();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    expect(page.url()).not.toContain("code");
    await page.goBack();
    expect(page.url()).not.toContain("code_");
    const again = await (await dashboard.browser.newContext()).newPage();
    await again.goto(way);
    await again.getByRole("alert").getByText("That link was used").waitFor();
    await again.context().close();
    await page.goto(`${mesh.info.controlHttp}/ui/`);
  });

  it.each(PAGES)(
    "shows $hash, and axe finds nothing wrong, light, dark and narrow",
    async ({ hash, heading, shows }) => {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await open(hash, heading);
        await page.getByText(shows).first().waitFor();
        expect(await axeViolations(page)).toEqual([]);
      }
      await page.setViewportSize({ width: 390, height: 800 });
      const overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
      expect(overflow).toBeLessThanOrEqual(0);
      expect(await axeViolations(page)).toEqual([]);
      await page.setViewportSize({ width: 1280, height: 800 });
    },
  );

  it("draws 300 services with 2,000 edges within 3 seconds, by namespaces that open", async () => {
    await open("versions", "Versions");
    await page.route("**/ui/api/v1/graph*", async (route) => route.fulfill({ json: largeGraph() }));
    // From the link to the drawing, as somebody waits for it.
    const took = await dashboard.whileQuiet(async () => {
      await page.evaluate("performance.clearMarks()");
      const begin = await page.evaluate(() => performance.now());
      await page.getByRole("link", { name: "Graph", exact: true }).click();
      const mark = "performance.getEntriesByName('graph-drawn')[0]?.startTime";
      return Number(await until("the drawing", async () => page.evaluate(mark))) - begin;
    });
    console.log(`the drawing took ${Math.round(took)} ms`);
    expect(took).toBeLessThan(MAX_DRAWING_MS);
    await page.getByText("300 nodes, 2000 edges").waitFor();
    await page.getByRole("button", { name: "ns-3" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "service-3 " }).first().waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.unroute("**/ui/api/v1/graph*");
  });

  it("finds and hides what somebody looks for", async () => {
    await open("graph", "Service graph");
    const table = page.getByRole("region", { name: /^Calls/ });
    await table.getByText("default/details-v1").first().waitFor();
    await page.getByLabel("Hide", { exact: true }).fill("details");
    await page.keyboard.press("Enter");
    await table.getByText("default/details-v1").waitFor({ state: "detached" });
    await page.getByLabel("Find", { exact: true }).fill("reviews-v3 mtls>=100");
    await page.keyboard.press("Enter");
    await page.getByText("Calls that were found").waitFor();
    await page.getByLabel("Find", { exact: true }).fill("speed>3");
    await page.keyboard.press("Enter");
    await page.getByText("is not understood").waitFor();
    expect(await axeViolations(page)).toEqual([]);
  });

  it("follows requests as they end, and explains one of them", async () => {
    await open("tail?service=ratings.default", "Live requests");
    const row = page.getByRole("row").filter({ hasText: "/ratings/" }).first();
    await row.waitFor();
    expect(await page.getByRole("row").filter({ hasText: "/productpage" }).count()).toBe(0);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused.").waitFor();
    await row.getByRole("link", { name: /explain/ }).click();
    await page.getByText("A request that was sent").waitFor();
    // What passes is sampled: a record need not be there, and the page says so.
    await page.locator(".stages, [role=alert]").first().waitFor();
  });

  it("explains a request that nobody sent, with the condition that failed", async () => {
    await open("explain", "Explain");
    await page.getByLabel("URL").fill("http://ratings.default.svc.cluster.local:9080/ratings/0");
    await page.getByLabel("As principal").fill("cluster.local/ns/default/sa/bookinfo-details");
    await page.getByRole("button", { name: "Explain it" }).last().click();
    await page.getByText("Answered 403").waitFor();
    await page.getByRole("link", { name: "default/ratings-from-reviews-and-productpage" }).first().waitFor();
    expect(await axeViolations(page)).toEqual([]);
  });

  it("is used by keyboard alone: past the menu into the page", async () => {
    await open("policies", "Policies");
    // Begins at the top again.
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Policies" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement?.id")).toBe("content");
    expect(page.url()).toContain("#/policies");
  });

  it("keeps the theme that somebody chose", async () => {
    await open("versions", "Versions");
    const back = async () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    await page.emulateMedia({ colorScheme: "light" });
    const light = await back();
    await page.getByLabel("Theme").selectOption("dark");
    const dark = await back();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Versions" }).waitFor();
    expect(await back()).toBe(dark);
    await page.getByLabel("Theme").selectOption("system");
  });

  it("rolls back in two steps, and shows what each generation changed", async () => {
    await mesh.mustApply(DENY);
    await open("history", "History");
    const newest = page.getByRole("row").nth(1).getByRole("button");
    const generation = Number(await newest.textContent());
    await newest.click();
    await page.getByText("+   action: DENY").waitFor();
    await page.getByRole("button", { name: String(generation - 1), exact: true }).click();
    await page.getByRole("button", { name: `Roll back to ${generation - 1}…` }).click();
    await page.getByText("AuthorizationPolicy default/from-the-test: deleted").waitFor();
    await page.getByRole("button", { name: `Roll back to ${generation - 1}`, exact: true }).click();
    await page.getByText(`generation ${generation + 1} is as ${generation - 1} was`).waitFor();
    const left = await mesh.control(
      "/k8s/apis/security.istio.io/v1/namespaces/default/authorizationpolicies/from-the-test",
    );
    expect(left.status).toBe(404);
  });

  it("shows text as text, whatever somebody wrote", async () => {
    await mesh.mustApply(DENY.replace("from-the-test", "marked").replace("/never", '/<img src=x onerror="alert(1)">'));
    await open("object/authorizationpolicies/default/marked", "AuthorizationPolicy default/marked");
    await page.getByText("<img src=x onerror=").first().waitFor();
    expect(await page.locator("img").count()).toBe(0);
    // What nobody sees turns no other text about.
    await mesh.mustApply(DENY.replace("from-the-test,", 'marked, annotations: { note: "a\\u202egpj.exe" },'));
    await page.reload();
    await page.getByText("\\u202egpj.exe").first().waitFor();
    const mark = encodeURIComponent("<img src=x onerror=alert(1)>");
    for (const hash of [
      `object/authorizationpolicies/default/${mark}`,
      `services/default/${mark}`,
      `explain?requestId=${mark}`,
    ]) {
      await page.goto(`${mesh.info.controlHttp}/ui/#/${hash}`);
      await page.getByText("<img src=x").or(page.getByRole("alert")).first().waitFor();
      expect(await page.locator("img").count()).toBe(0);
    }
  });

  it("says which permission is missing", async () => {
    const wanted = { name: "narrow", role: "viewer", namespace: "default" };
    const headers = { "content-type": "application/json" };
    const { text } = await mesh.control("/api/v1/tokens", { method: "POST", headers, body: JSON.stringify(wanted) });
    const narrow = await (await dashboard.browser.newContext()).newPage();
    await narrow.goto(await link((JSON.parse(text) as { token: string }).token));
    await narrow.getByText("narrow: viewer of default").waitFor();
    await narrow.goto(`${mesh.info.controlHttp}/ui/#/certificates`);
    await narrow
      .getByRole("alert")
      .first()
      .getByText(/Your permission is missing: .*cannot use \/api\/v1\/ca/)
      .waitFor();
    expect(await axeViolations(narrow)).toEqual([]);
    await narrow.context().close();
  });

  it("makes nobody another by a link, unless they saw whom and want it", async () => {
    const wanted = { name: "lure", role: "viewer", namespace: "default" };
    const headers = { "content-type": "application/json" };
    const { text } = await mesh.control("/api/v1/tokens", { method: "POST", headers, body: JSON.stringify(wanted) });
    const { token } = JSON.parse(text) as { token: string };
    // The fragment alone would load nothing anew.
    const lure = async () => {
      await page.goto("about:blank");
      await page.goto(await link(token));
    };
    await lure();
    await page.getByText("lure, viewer of default").waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole("button", { name: "Stay admin" }).click();
    await page.getByText("admin: admin").waitFor();
    expect(page.url()).not.toContain("code");
    await lure();
    await page.getByRole("button", { name: "Sign in as lure" }).click();
    await page.getByText("lure: viewer of default").waitFor();
  });

  it("signs out for good", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  });

  it("asked no other host, and nothing that its policy forbids", () => {
    expect([dashboard.complaints, dashboard.strangers]).toEqual([[], []]);
  });
});

/** Each of a dozen namespaces calls some of the others. */
function largeGraph() {
  const nodes = Array.from({ length: 300 }, (_, at) => {
    const [namespace, name] = [`ns-${at % 12}`, `service-${at}`];
    return {
      id: `workload/${namespace}/${name}`,
      kind: "workload",
      namespace,
      name,
      app: name,
      version: "v1",
      principal: null,
    };
  });
  const edges = Array.from({ length: 2_000 }, (_, at) => ({
    from: nodes[at % 300]?.id,
    to: nodes[(at * 7 + Math.floor(at / 300) + 1) % 300]?.id,
    protocol: "http",
    requests: 100,
    rps: 1,
    errorRate: at % 40 === 0 ? 0.2 : 0,
    refusedRate: 0,
    p50: 1,
    p95: 5,
    p99: 9,
    mtls: 1,
    flags: {},
  }));
  return { window: 300, covered: 300, nodes, edges };
}

const DENY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: from-the-test, namespace: default }
spec:
  action: DENY
  rules: [{ to: [{ operation: { paths: ['/never'] } }] }]
`;

it("begins with at most 250 KB of gzip", () => {
  const built = dashboardFiles();
  if (built === null) throw new Error("a checkout has its files");
  const { files, metafile } = built;
  const main = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === "ui/main.tsx");
  const first = ["index.html", "style.css", "layout.js", ...reached(main?.[0] ?? "", metafile.outputs)];
  const bytes = first.map((name) => gzipSync(files[name] ?? "").length);
  expect(bytes.every((size) => size > 20)).toBe(true);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_INITIAL_BYTES);
});

/** A file, and those that it imports before it runs. */
function reached(
  path: string,
  outputs: Readonly<Record<string, { readonly imports: readonly { readonly path: string; readonly kind: string }[] }>>,
): readonly string[] {
  const below = (outputs[path]?.imports ?? []).filter(({ kind }) => kind === "import-statement");
  return [path.replace(/^ui\//, ""), ...below.flatMap((each) => reached(each.path, outputs))];
}
