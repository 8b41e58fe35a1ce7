import { join } from "node:path";
import { expect, it } from "vitest";
import { useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const control = useFakeControl();

it.each([
  { scope: "mesh/*", host: "reviews", isTold: true },
  { scope: "mesh/*", host: "reviews.test", isTold: false },
  { scope: "mesh/web", host: "reviews", isTold: false },
])("tulle decide says of a short name that nobody's namespace knows it: $host in $scope", async (at) => {
  const { isTold, scope, host } = at;
  const decision = { effect: "answer", code: "no_route", status: 404 };
  control.routes = {
    "POST /api/v1/decide": () => ({ body: { generation: 7, scope, host, decision, trace: [], endpoints: [] } }),
  };
  const { code, stderr } = await ran([
    "decide",
    "--kubeconfig",
    join(control.folder, ".tulle/kubeconfig"),
    "--host",
    `${host}:9080`,
  ]);
  const hint =
    "`reviews` is known by this name in its namespace: say who calls (--as NAMESPACE/ACCOUNT), or give its whole name\n";
  expect([code, stderr]).toEqual([0, isTold ? hint : ""]);
});
