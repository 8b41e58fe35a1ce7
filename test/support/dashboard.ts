import type { Browser, BrowserContext, Page } from "playwright-core";
import { complaintsOf, openBrowser, strangersOf } from "./browser.ts";
import { RunningMesh } from "./mesh.ts";
import { until } from "./until.ts";

const REQUEST_EVERY_MS = 200;
/** For what a page shows: a bound on a hang, no measurement. */
const PATIENCE_MS = 60_000;

/** The local mesh with Bookinfo and requests that go on, and a browser that looks at its dashboard. */
export class RunningDashboard {
  readonly mesh: RunningMesh;
  readonly browser: Browser;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of its code, and what its policy stopped. */
  readonly complaints: readonly string[];
  /** Requests to any other origin. */
  readonly strangers: readonly string[];
  readonly #traffic: ReturnType<typeof setInterval>;
  #isAsking = false;

  private constructor(mesh: RunningMesh, browser: Browser, context: BrowserContext, page: Page) {
    this.mesh = mesh;
    this.browser = browser;
    this.context = context;
    this.page = page;
    this.complaints = complaintsOf(page);
    this.strangers = strangersOf(context, mesh.info.controlHttp);
    this.#traffic = setInterval(() => void this.#goOn(), REQUEST_EVERY_MS);
  }

  /** One at a time: on a machine that takes long for each they would be more and more. Never rejects. */
  async #goOn(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    await this.request().catch(() => undefined);
    this.#isAsking = false;
  }

  /** Without those requests: what is measured then is the page alone. */
  async whileQuiet<T>(run: () => Promise<T>): Promise<T> {
    await until("the last request to end", () => !this.#isAsking);
    this.#isAsking = true;
    try {
      return await run();
    } finally {
      this.#isAsking = false;
    }
  }

  /** @param loopback of its Gateways: `127.0.69` */
  static async start(portBase: number, loopback: string): Promise<RunningDashboard> {
    const args = ["--port-base", String(portBase), "--loopback", `${loopback}.0/24`, "--example", "bookinfo"];
    const browser = await openBrowser();
    const mesh = await RunningMesh.start(args).catch(async (error: unknown) => {
      await browser.close();
      throw error;
    });
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    return new RunningDashboard(mesh, browser, context, await context.newPage());
  }

  async stop(): Promise<void> {
    clearInterval(this.#traffic);
    await this.browser.close();
    await this.mesh.stop();
  }

  /** One request for Bookinfo's page. */
  async request(): Promise<void> {
    const answer = await fetch(this.mesh.info.page ?? "", { signal: AbortSignal.timeout(10_000) });
    await answer.arrayBuffer();
  }

  /** Waits until the history knows of calls from two moments, from which a rate is worked out. */
  async untilCounted(): Promise<void> {
    const query = encodeURIComponent('sum(rate(istio_requests_total{destination_service_name="reviews"}[1m])) > 0');
    await until("calls that were counted twice", async () => {
      const { text } = await this.mesh.control(`/api/v1/query?query=${query}`);
      return text.includes('"value"');
    });
  }

  /** A link that signs in with a token. */
  async link(token = this.mesh.token): Promise<string> {
    const headers = { authorization: `Bearer ${token}` };
    const { text } = await this.mesh.control("/api/v1/sign-in-codes", { method: "POST", headers });
    return `${this.mesh.info.controlHttp}/ui/#code=${(JSON.parse(text) as { code: string }).code}`;
  }

  async signIn(): Promise<void> {
    await this.page.goto(await this.link());
    await this.page.getByRole("button", { name: "Sign out" }).waitFor();
  }

  /** @param hash of the page */
  async open(hash: string, heading: string, page: Page = this.page): Promise<void> {
    await page.goto(`${this.mesh.info.controlHttp}/ui/#/${hash}`);
    await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
  }
}
