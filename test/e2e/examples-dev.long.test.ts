import { expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PRINCIPAL = "cluster.local/ns/default/sa";

/** The other way to run the examples: each Worker in a runtime of its own, as `tulle dev` does. */
async function startProject(example: string, base: number, network: string): Promise<RunningMesh> {
  const file = `examples/${example}/tulle.jsonc`;
  return RunningMesh.start(["--project", file, "--port-base", `${base}`, "--loopback", `127.0.${network}.0/24`]);
}

it("Bookinfo is the same page by tulle dev, and each call has its caller's identity", async () => {
  const mesh = await startProject("bookinfo", 20_400, "51");
  try {
    const page = await until("the page", async () => {
      const answer = await send(`${mesh.info.gateway}/productpage`, { headers: { host: "127.0.51.1:8080" } });
      return answer.status === 200 && answer.text.includes("reviews-v3") && answer.text;
    });
    expect(page).toContain("PublisherA");
    await until("the log of the chain", () => {
      const seen = new Set(
        mesh.accessLog().map((record) => `${record.source_principal} -> ${record.destination_service}`),
      );
      return [
        `${PRINCIPAL}/bookinfo-productpage -> details.default.svc.cluster.local`,
        `${PRINCIPAL}/bookinfo-productpage -> reviews.default.svc.cluster.local`,
        `${PRINCIPAL}/bookinfo-reviews -> ratings.default.svc.cluster.local`,
      ].every((hop) => seen.has(hop));
    });
  } finally {
    await mesh.stop();
  }
});

it("every fetch of the shop goes through the mesh by tulle dev, too: what it does not know is not found", async () => {
  const mesh = await startProject("article", 20_600, "52");
  try {
    const web = await mesh.enrol("default", "web");
    const call = async (host: string) => mesh.asWorkload(web, `http://order-service/call/${host}/`);
    await until("order-service to call", async () => (await call("payment-service")).status === 200);
    expect(JSON.parse((await call("payment-service")).text)).toMatchObject({ service: "payment-service" });
    expect((await call("nobody.example")).status).toBe(404);
    const record = await until("the log of it", () =>
      mesh.accessLog().find(({ authority }) => authority === "nobody.example"),
    );
    expect(record.source_principal).toBe(`${PRINCIPAL}/order-service`);
  } finally {
    await mesh.stop();
  }
});
