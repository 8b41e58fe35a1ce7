import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SendingMesh } from "./sending-mesh.ts";

const RATE = 200;
const SECONDS = 20;

/** Each with three endpoints and a budget of its own. */
const service = (app: string, rule: string, policy: string) => `
---
apiVersion: v1
kind: Service
metadata: { name: ${app} }
spec: { selector: { app: ${app} }, ports: [{ name: http, port: 80 }] }
${[1, 2, 3]
  .map(
    (number) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${app}-${number} }
spec: { address: 10.77.2.${number}, labels: { app: ${app} } }
`,
  )
  .join("")}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${app} }
spec: { hosts: [${app}.test], gateways: [front], http: [{ ${rule} route: [{ destination: { host: ${app} } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${app} }
spec: { host: ${app}, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } ${policy} } }
`;

const RULES = [
  service("storm", "retries: { attempts: 5, retryOn: 5xx },", ""),
  service("ejecting", "", ", outlierDetection: {}"),
  service("quiet", "", ""),
  service("orders", "", ""),
].join("");

let mesh: SendingMesh;
let hits = 0;
beforeAll(async () => {
  mesh = await SendingMesh.start({ rules: RULES, retries: true });
});
afterAll(() => mesh.stop());

const answering = (answer: (response: ServerResponse, request: IncomingMessage) => void) => {
  hits = 0;
  mesh.origin = (request, response) => {
    hits += 1;
    answer(response, request);
  };
};

/** The first of the three breaks every call off. */
const oneBad = (response: ServerResponse, request: IncomingMessage): void => {
  if (request.headers.host === "10.77.2.1") response.socket?.resetAndDestroy();
  else request.resume().on("end", () => response.end("ok"));
};

/**
 * Sends evenly, and never more in a second than the rate: a machine that is late goes on from there, for what it left out, sent
 * at once, would be another load.
 *
 * @returns the statuses of all, each of which got an answer
 */
async function load(host: string, rate: number, seconds: number, method = "GET"): Promise<readonly number[]> {
  const asked: Promise<number>[] = [];
  let start = Date.now();
  for (let second = 0; second < seconds; second += 0.05) {
    // What was sent a second ago has its answer.
    await asked[asked.length - rate];
    const wait = start + second * 1_000 - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    else start -= wait;
    const body = method === "POST" ? { body: Buffer.from("order"), headers: { "content-length": "5" } } : {};
    for (let at = 0; at < rate / 20; at += 1)
      asked.push(
        mesh.get(`http://${host}.test/${host}`, { method, ...body }).then(
          ({ status }) => status,
          () => 0,
        ),
      );
  }
  const statuses = await Promise.all(asked);
  expect(statuses, "calls without an answer").not.toContain(0);
  return statuses;
}

const share = (statuses: readonly number[]) => statuses.filter((status) => status === 200).length / statuses.length;

describe("calls that are tried again", () => {
  it("add a fifth to a service that fails, and ten a second, whatever the route's policy wants", async () => {
    answering((response) => void response.writeHead(503).end());
    const start = Date.now();
    const statuses = await load("storm", RATE, SECONDS);
    // As long as it really took; a second's reserve is there from the start.
    const seconds = (Date.now() - start) / 1_000 + 1;
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(statuses).toHaveLength(RATE * SECONDS);
    expect(hits).toBeLessThanOrEqual(1.2 * statuses.length + 10 * seconds);
    expect(hits).toBeGreaterThan(1.15 * statuses.length);
  });

  it("hide an endpoint that breaks calls off until it is ejected", async () => {
    answering(oneBad);
    expect(share(await load("ejecting", RATE, SECONDS))).toBeGreaterThanOrEqual(0.99);
  });

  it("hide it also where nothing is ejected, as far as the budget reaches", async () => {
    answering(oneBad);
    expect(share(await load("quiet", 60, SECONDS))).toBeGreaterThanOrEqual(0.99);
  });

  it("are no orders: each POST reaches one endpoint", async () => {
    answering(oneBad);
    const statuses = await load("orders", RATE, SECONDS, "POST");
    expect(hits).toBe(statuses.length);
    expect(share(statuses)).toBeLessThan(0.7);
  });
});
