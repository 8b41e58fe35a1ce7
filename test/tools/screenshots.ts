import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { RunningDashboard } from "../support/dashboard.ts";

// Makes the pictures of docs/images from the real local mesh with Bookinfo's traffic: `npm run screenshots`.

const FOLDER = join(import.meta.dirname, "../../docs/images");
const MAX_BYTES = 150_000;
const SIZE = { width: 1_200, height: 760 };

const dashboard = await RunningDashboard.start(21_000, "127.0.70");
try {
  const { mesh, page } = dashboard;
  await page.setViewportSize(SIZE);
  await dashboard.signIn();
  await dashboard.untilCounted();
  mkdirSync(FOLDER, { recursive: true });
  for (const theme of ["light", "dark"] as const) {
    await page.getByLabel("Theme").selectOption(theme);
    await dashboard.open("graph", "Service graph");
    await page.locator(".graph svg").waitFor();
    await picture(`graph-${theme}`);
    await dashboard.open("services/default/reviews", "Service default/reviews");
    await page.locator(".u-wrap").first().waitFor();
    await page.getByText("Who calls it").waitFor();
    await picture(`service-${theme}`);
    await dashboard.open("tail", "Live requests");
    await page.getByRole("row").nth(12).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await picture(`tail-${theme}`);
    await dashboard.open("explain", "Explain");
    await page.getByLabel("URL").fill("http://ratings.default.svc.cluster.local:9080/ratings/0");
    await page.getByLabel("As principal").fill("cluster.local/ns/default/sa/bookinfo-details");
    await page.getByRole("button", { name: "Explain it" }).last().click();
    await page.locator(".explained").scrollIntoViewIfNeeded();
    await page.locator(".explained").evaluate((element) => element.scrollIntoView());
    await picture(`explain-${theme}`);
  }
  console.log(`from ${mesh.info.controlHttp}/ui/`);

  async function picture(name: string): Promise<void> {
    const path = join(FOLDER, `dashboard-${name}.png`);
    await page.screenshot({ path, animations: "disabled" });
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_BYTES}`);
    console.log(`${path}: ${size} bytes`);
  }
} finally {
  await dashboard.stop();
}
