import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SendingMesh } from "./sending-mesh.ts";

/** What the origin does with the next calls: answers with a status, or breaks off before it has answered. */
type Step = number | "reset";

const rule = (host: string, settings: string) => `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host} }
spec:
  host: ${host}
  trafficPolicy:
    outlierDetection: { interval: 1h, baseEjectionTime: 1h, maxEjectionPercent: 100, ${settings} }
`;

// Each endpoint is ejected once, by its own settings, at the end of its steps and no sooner.
describe("an endpoint", () => {
  let mesh: SendingMesh;
  const steps: Step[] = [];

  beforeAll(async () => {
    mesh = await SendingMesh.start({
      rules: [
        rule("private", "consecutive5xxErrors: 5, consecutiveGatewayErrors: 2"),
        rule(
          "public",
          "consecutive5xxErrors: 3, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2",
        ),
        rule("worker", "consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [404, 503]"),
      ].join(""),
    });
    mesh.origin = (request, response) => {
      const step = steps.shift() ?? 200;
      if (step === "reset") return void request.socket.destroy();
      response.writeHead(step).end();
    };
  });
  afterAll(() => mesh.stop());

  it.each<{ name: string; host: string; all: readonly Step[] }>([
    {
      name: "is out after two gateway errors in a row, of which a call without an answer is one",
      host: "private",
      all: [503, 500, "reset", 200, 502, 500, 504, "reset"],
    },
    {
      name: "is out after two calls without an answer, counted apart from answers, which end that count",
      host: "public",
      all: [503, "reset", 500, 200, "reset", 503, "reset", "reset"],
    },
    {
      name: "is out after two answers that are errors here, and by no others",
      host: "worker",
      all: [500, 502, 500, 404, 500, 503, 200, 503, 404],
    },
  ])("$name", async ({ host, all }) => {
    steps.push(...all);
    for (const step of all) {
      const { status } = await mesh.get(`http://${host}.test/step`);
      expect(status).toBe(step === "reset" && host !== "worker" ? 503 : step);
    }
    expect(steps).toEqual([]);
    const { status, body } = await mesh.get(`http://${host}.test/out`);
    expect([status, body.toString()]).toEqual([503, "no healthy upstream"]);
  });
});
