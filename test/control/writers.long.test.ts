import { afterAll, beforeAll, expect, it } from "vitest";
import { times } from "../support/scale.ts";
import { RunningControl } from "./running.ts";

const PATH = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const WRITERS = times(10, 20);
const UPDATES = times(10, 20);

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

function counter(name: string) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, annotations: { count: "0" } },
    spec: { host: "x" },
  };
}

it("writers that read, add one and write back many times each lose no update", async () => {
  await control.call("POST", PATH, counter("counted"));
  const before = Number((await control.call("GET", "/api/v1/status")).json["generation"]);
  let conflicts = 0;
  const write = async (): Promise<void> => {
    for (let [accepted, inRow] = [0, 0]; accepted < UPDATES;) {
      const begun = performance.now();
      const { json } = await control.call("GET", `${PATH}/counted`);
      const count = Number(json["metadata"]?.["annotations"]?.["count"]) + 1;
      const metadata = { ...(json["metadata"] as unknown as object), annotations: { count: String(count) } };
      const written = await control.call("PUT", `${PATH}/counted`, { ...json, metadata });
      if (written.status === 200) [accepted, inRow] = [accepted + 1, 0];
      else {
        expect([written.status, written.json["reason"]]).toEqual([409, "Conflict"]);
        conflicts += 1;
        // As clients of Kubernetes do: all at once again, they would mostly meet each other. By what a try takes here.
        const took = performance.now() - begun;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * took * 2 ** Math.min(inRow, 4)));
        inRow += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const { json } = await control.call("GET", `${PATH}/counted`);
  expect(json["metadata"]?.["annotations"]?.["count"]).toBe(String(WRITERS * UPDATES));
  expect(Number((await control.call("GET", "/api/v1/status")).json["generation"])).toBe(before + WRITERS * UPDATES);
  expect(conflicts).toBeGreaterThan(0);
});

it("patches without a precondition never conflict: each of many writers keeps a label", async () => {
  await control.call("POST", PATH, counter("patched"));
  const write = async (_: unknown, writer: number): Promise<void> => {
    for (let at = 1; at <= 10; at += 1) {
      const body = { metadata: { labels: { [`writer-${writer}`]: String(at) } } };
      const written = await control.call("PATCH", `${PATH}/patched`, body, { type: "application/merge-patch+json" });
      expect(written.status).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const { json } = await control.call("GET", `${PATH}/patched`);
  expect(json["metadata"]?.["labels"]).toEqual(
    Object.fromEntries(Array.from({ length: WRITERS }, (_, writer) => [`writer-${writer}`, "10"])),
  );
});
