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

/** The private endpoint under another name, whose route tries again. */
const TRIED = `
---
apiVersion: v1
kind: Service
metadata: { name: tried }
spec: { selector: { app: private }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: tried }
spec:
  hosts: [tried.test]
  gateways: [front]
  http: [{ retries: { attempts: 1, retryOn: "gateway-error,reset" }, route: [{ destination: { host: tried } }] }]
${rule("tried", "consecutive5xxErrors: 3")}`;

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
        TRIED,
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

  it("is judged by each try, also by those that are tried again", async () => {
    steps.push(503, 200, 503, "reset");
    expect((await mesh.get("http://tried.test/once")).status).toBe(200);
    expect((await mesh.get("http://tried.test/both")).status).toBe(503);
    // Two errors in a row: a third ejects.
    steps.push(500);
    expect((await mesh.get("http://tried.test/third")).status).toBe(500);
    expect((await mesh.get("http://tried.test/out")).body.toString()).toBe("no healthy upstream");
    expect(steps).toEqual([]);
  });
});
