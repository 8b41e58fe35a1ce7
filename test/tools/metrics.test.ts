import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";
import { toolPath } from "../support/tools.ts";

const promtool = toolPath("promtool") ?? "";

/** Istio's standard labels of `istio_requests_total`. */
const LABELS = [
  "reporter",
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_canonical_service",
  "source_canonical_revision",
  "source_cluster",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_cluster",
  "request_protocol",
  "response_code",
  "response_flags",
  "connection_security_policy",
  "grpc_response_status",
];

describe.skipIf(promtool === "")("metrics after 100 page views, by promtool", () => {
  let mesh: RunningMesh;
  let text: string;

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "27000", "--loopback", "127.0.29.0/24", "--example", "bookinfo"]);
    for (let view = 0; view < 100; view += 1) await send(mesh.info.page ?? "");
    const headers = { authorization: `Bearer ${mesh.token}` };
    // Deltas travel by the exchange and the cell, a second each; then the sums stand still.
    await until("the sums to stand still", async () => {
      text = (await send(mesh.info.metrics, { headers })).text;
      return sum(text, "source") === mesh.accessLog().length && sum(text, "source") > 300;
    });
  });
  afterAll(() => mesh.stop());

  it("finds nothing but the unit that Istio's name has", () => {
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
    const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
    expect(complaints.filter((line) => !line.includes("istio_request_duration_milliseconds"))).toEqual([]);
    expect(status).toBe(3);
  });

  it("has Istio's labels on each series", () => {
    const series = text.split("\n").filter((line) => line.startsWith("istio_requests_total{"));
    expect(series.length).toBeGreaterThan(0);
    for (const line of series) for (const label of LABELS) expect(line).toMatch(new RegExp(`[{,]${label}="`));
  });

  it.each(["source", "destination"])(
    "counts under reporter %s as many requests as the access log has records",
    (reporter) => {
      expect(sum(text, reporter)).toBe(mesh.accessLog().length);
    },
  );
});

function sum(text: string, reporter: string): number {
  return text
    .split("\n")
    .filter((line) => line.startsWith("istio_requests_total{") && line.includes(`reporter="${reporter}"`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
