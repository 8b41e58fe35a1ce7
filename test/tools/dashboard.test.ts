import { gzipSync } from "node:zlib";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dashboardFiles } from "../../project/dashboard-files.ts";
import { axeViolations, complaintsOf, openBrowser, strangersOf } from "../support/browser.ts";
import { RunningMesh } from "../support/mesh.ts";
import { toolPath } from "../support/tools.ts";

const PORT_BASE = 20_900;
/** What the browser loads before anything is clicked. */
const MAX_INITIAL_BYTES = 250_000;

/** Every page, with what shows that its data has come. */
const PAGES: readonly { readonly hash: string; readonly heading: string; readonly shows: string }[] = [
  { hash: "policies", heading: "Policies", shows: "default/reviews-from-productpage" },
  {
    hash: "object/authorizationpolicies/default/reviews-from-productpage",
    heading: "AuthorizationPolicy default/reviews-from-productpage",
    shows: "refuses what no policy allows",
  },
  { hash: "history?generation=2", heading: "History", shows: "AuthorizationPolicy default/reviews-from-productpage" },
  { hash: "certificates", heading: "Certificates", shows: "What rotates next" },
  { hash: "versions", heading: "Versions", shows: "current" },
];

describe.skipIf(toolPath("chromium") === null)("the dashboard in Chromium", () => {
  let mesh: RunningMesh;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: readonly string[];
  let strangers: readonly string[];
  beforeAll(async () => {
    const args = ["--port-base", String(PORT_BASE), "--loopback", "127.0.69.0/24", "--example", "bookinfo"];
    [mesh, browser] = await Promise.all([RunningMesh.start(args), openBrowser()]);
    context = await browser.newContext();
    page = await context.newPage();
    complaints = complaintsOf(page);
    strangers = strangersOf(context, mesh.info.controlHttp);
  });
  afterAll(async () => {
    await browser?.close();
    await mesh?.stop();
  });

  async function link(token = mesh.token): Promise<string> {
    const headers = { authorization: `Bearer ${token}` };
    const { text } = await mesh.control("/api/v1/sign-in-codes", { method: "POST", headers });
    return `${mesh.info.controlHttp}/ui/#code=${(JSON.parse(text) as { code: string }).code}`;
  }

  async function open(hash: string, heading: string): Promise<void> {
    await page.goto(`${mesh.info.controlHttp}/ui/#/${hash}`);
    await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
  }

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
    const again = await (await browser.newContext()).newPage();
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

  it("is used by keyboard alone: past the menu into the page", async () => {
    await open("policies", "Policies");
    await page.evaluate("document.activeElement?.blur()");
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
    await page.getByText("<img src=x onerror=").waitFor();
    expect(await page.locator("img").count()).toBe(0);
  });

  it("says which permission is missing", async () => {
    const wanted = { name: "narrow", role: "viewer", namespace: "default" };
    const headers = { "content-type": "application/json" };
    const { text } = await mesh.control("/api/v1/tokens", { method: "POST", headers, body: JSON.stringify(wanted) });
    const narrow = await (await browser.newContext()).newPage();
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

  it("signs out for good", async () => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  });

  it("asked no other host, and nothing that its policy forbids", () => {
    expect([complaints, strangers]).toEqual([[], []]);
  });
});

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
