import { join } from "node:path";
import { expect, it } from "vitest";
import { useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const control = useFakeControl();

const gateway = (name: string, seenAt: string | null) => ({
  gateway: name,
  generation: 3,
  have: seenAt === null ? null : 3,
  seenAt,
  format: 3,
  bindings: [],
  problem: null,
});

it.each([
  { name: "none was seen", seen: [null, null], says: "gateways look for news when they are called: send a request" },
  { name: "one was seen", seen: [null, new Date().toISOString()], says: "" },
])("tells how gateways come to be seen, where $name", async ({ seen, says }) => {
  const gateways = seen.map((at, index) => gateway(`g${index}`, at));
  control.routes = {
    "GET /api/v1/status": () => ({ body: { generation: 3, resourceVersion: "4", watches: 0, gateways } }),
  };
  const config = ["--kubeconfig", join(control.folder, ".tulle/kubeconfig")];
  const { code, stderr } = await ran(["status", ...config]);
  expect([code, stderr.split(", ")[0]]).toEqual([0, says]);
  expect((await ran(["status", "-o", "json", ...config])).stderr).toBe("");
});
