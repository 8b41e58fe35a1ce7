import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Graph, QueryAnswer, QueryRefused } from "../../src/api/query-operations.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { type MetricLabels, seriesKey } from "../../src/telemetry/metrics.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";

let control: RunningControl;
let [viewer, shop, other] = ["", "", ""];

beforeAll(async () => {
  control = await RunningControl.start();
  [viewer, shop, other] = [await tokenFor(), await tokenFor("shop"), await tokenFor("other")];
  await report(1, 10);
});
afterAll(() => control.stop());

async function tokenFor(namespace?: string): Promise<string> {
  const wanted = { name: namespace ?? "all", role: "viewer", ...(namespace !== undefined && { namespace }) };
  return String((await control.call("POST", "/api/v1/tokens", wanted)).json["token"]);
}

function call(code: string, namespace: string): string {
  return seriesKey({
    reporter: "destination",
    source_workload: "page-v1",
    source_workload_namespace: "web",
    source_principal: "spiffe://cluster.local/ns/web/sa/page",
    destination_workload: "orders-v1",
    destination_workload_namespace: namespace,
    destination_service_name: "orders",
    destination_service_namespace: namespace,
    request_protocol: "http",
    response_code: code,
    response_flags: "-",
    connection_security_policy: "mutual_tls",
    grpc_response_status: "",
  } as MetricLabels);
}

async function report(sequence: number, requests: number): Promise<void> {
  const of = (labels: string, count: number) => ({
    labels,
    requests: count,
    durationMsSum: count * 8,
    durationBuckets: [0, 0, 0, count],
    requestBytes: { sum: count * 3, buckets: [0, 0, count] },
  });
  const route = JSON.stringify(["shop/orders/0", "", "c", "orders", "shop", "http", "200", "-", "via_upstream"]);
  await control.rpc("STATE", "report", {
    source: "s",
    sequence,
    metrics: [of(call("200", "shop"), requests), of(call("500", "shop"), 1), of(call("200", "bank"), requests)],
    routes: [{ labels: route, requests, durationMsSum: 1, durationBuckets: [requests] }],
    dropped: { access_log: 2 },
    counts: { [counterKey("tulle_authz_audit_total", { policy: "shop/p", cluster: "c" })]: 4 },
  });
}

type Answered = readonly {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}[];

async function ask(query: string, token = viewer): Promise<Answered> {
  const { status, json } = await control.call("GET", `/api/v1/query?query=${encodeURIComponent(query)}`, undefined, {
    token,
  });
  expect([query, status, QueryAnswer.safeParse(json).error?.issues]).toEqual([query, 200, undefined]);
  return (json["data"] as unknown as { result: Answered }).result;
}

const TOTAL = 'istio_requests_total{response_code="200"}';

describe("the API for queries", () => {
  it("knows all metrics that a scrape shows, once the interval that they came in is over", async () => {
    await until("a sample", async () => (await ask(TOTAL)).length > 0);
    const scraped = async (): Promise<readonly string[]> => {
      const text = await (await control.raw("GET", "/metrics", control.auth())).text();
      return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    };
    const names = [...new Set((await scraped()).map((line) => /^[a-z_]+/.exec(line)?.[0] ?? ""))];
    expect(names).toEqual(expect.arrayContaining(["tulle_authz_audit_total", "pilot_total_xds_internal_errors"]));
    const sorted = (values: readonly number[]): string => values.toSorted((one, other) => one - other).join(" ");
    for (const name of names)
      await until(`the values of ${name} that are scraped`, async () => {
        const lines = (await scraped()).filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
        const shown = lines.map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
        return sorted((await ask(name)).map(({ value }) => Number(value[1]))) === sorted(shown);
      });
  });

  it("goes on where it was when its object was taken out of memory", async () => {
    // A scrape writes before it shows.
    expect((await control.call("GET", "/metrics")).status).toBe(200);
    await control.evict("Telemetry", "telemetry");
    expect((await ask(`sum(${TOTAL})`))[0]?.value[1]).toBe("20");
    await report(2, 5);
    await until("the second sample", async () => (await ask(`sum(${TOTAL})`))[0]?.value[1] === "30");
    expect(Number((await ask(`sum(increase(${TOTAL}[5m]))`))[0]?.value[1])).toBeGreaterThanOrEqual(10);
  });

  it("tells a namespace's token of its own series alone, by whatever is asked", async () => {
    const namespaces = (found: Answered) =>
      new Set(found.map(({ metric }) => metric["destination_workload_namespace"]));
    expect(namespaces(await ask("istio_requests_total"))).toEqual(new Set(["shop", "bank"]));
    expect(namespaces(await ask("istio_requests_total", shop))).toEqual(new Set(["shop"]));
    expect(namespaces(await ask('{__name__=~".+",job=""}', shop))).toEqual(new Set(["shop", undefined]));
    expect(await ask('count({__name__=~".+"})', other)).toEqual([]);
    expect(await ask("tulle_authz_audit_total or tulle_telemetry_dropped_total", shop)).toEqual([]);
    expect(await ask("tulle_configuration_generation", shop)).toEqual([]);
    const graph = async (token: string) => {
      const { json } = await control.call("GET", "/api/v1/graph?window=3600", undefined, { token });
      return Graph.parse(json).edges.map(({ to, requests }) => [to, requests]);
    };
    expect(await graph(viewer)).toEqual([
      ["workload/shop/orders-v1", 17],
      ["workload/bank/orders-v1", 15],
    ]);
    expect(await graph(shop)).toEqual([["workload/shop/orders-v1", 17]]);
    expect(await graph(other)).toEqual([]);
  });

  it.each([
    ["query?query=absent(up)", 422, "bad_data", "1:1: `absent` is not supported"],
    ["query?query=up%20and%20up", 422, "bad_data", "1:4: the operator `and` is not supported"],
    ["query?query=sum(", 422, "bad_data", "1:5: the query ends"],
    ["query?query=1%2B1&time=x", 400, "bad_data", "`time` is a time"],
    ["query", 400, "bad_data", "`query` is the expression"],
    ["query_range?query=1&start=0&end=99999&step=1", 422, "execution", "at most 11000 steps"],
    ["query_range?query=up[5m]&start=0&end=1&step=1", 422, "bad_data", "a range vector"],
  ])("refuses %s with %i", async (path, code, errorType, message) => {
    const { status, json } = await control.call("GET", `/api/v1/${path}`, undefined, { token: viewer });
    expect([status, QueryRefused.parse(json)]).toEqual([
      code,
      { status: "error", errorType, error: expect.stringContaining(message) as string },
    ]);
  });

  it("answers a client that sends a form with 405, so that it asks by GET", async () => {
    const { status, headers } = await control.call("POST", "/api/v1/query", "query=1", {
      type: "application/x-www-form-urlencoded",
    });
    expect([status, headers.get("allow")]).toEqual([405, "GET"]);
  });
});
