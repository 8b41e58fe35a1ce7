import { afterAll, beforeAll, expect, it } from "vitest";
import { RunningControl } from "./running.ts";

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

it("shows as many series as a mesh may have: 60 MB and more", async () => {
  const delta = (series: number) => ({
    // As many labels as Istio's metrics have.
    labels: JSON.stringify([
      "source",
      ...Array.from({ length: 25 }, (_, at) => `the value of label ${at} of ${series}`),
    ]),
    requests: 1,
    durationMsSum: 1,
    durationBuckets: [1],
  });
  for (let sequence = 1; sequence <= 7; sequence += 1) {
    const metrics = Array.from({ length: 500 }, (_, at) => delta(sequence * 500 + at));
    await control.rpc("STATE", "report", { source: "x", sequence, metrics, dropped: {} });
  }
  const answer = await control.raw("GET", "/metrics", control.auth());
  expect(answer.status).toBe(200);
  const text = await answer.text();
  expect(text.split("\n").filter((line) => line.startsWith("istio_requests_total{"))).toHaveLength(3_500);
  expect(text).toMatch(/tulle_configuration_generation \d+\n$/);
});
