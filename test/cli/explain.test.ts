import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { refused, useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";

const ID = "6f1c6c1e-7d0a-4a53-9f3c-0a5d0c8f1c11";
const NOWHERE = {
  verdict: { effect: "answer", code: "no_route", status: 404, policy: null, route: null, cluster: null },
  generation: 7,
  scope: "mesh/*",
  host: "nowhere",
  slice: null,
  request: null,
  stages: [],
  endpoints: [],
  record: null,
  hops: [],
  windows: [],
};
const REQUEST = {
  protocol: "http",
  method: "GET",
  scheme: "http",
  authority: "reviews:9080",
  port: 9_080,
  path: "/reviews/1",
  query: "",
  principal: null,
  clientIp: null,
};

const control = useFakeControl();
beforeEach(() => {
  control.asked.length = 0;
});

function answers(body: object): void {
  control.routes = { "GET /api/v1/explain": () => ({ body }), "POST /api/v1/explain": () => ({ body }) };
}

const explained = async (...args: readonly string[]) =>
  ran(["explain", "--kubeconfig", join(control.folder, ".tulle/kubeconfig"), ...args]);

describe("tulle explain", () => {
  it("takes the id out of what was pasted", async () => {
    answers({ ...NOWHERE, request: REQUEST });
    for (const text of [ID, `${ID}\r`, ` request_id=${ID}`, JSON.stringify({ request_id: ID })])
      expect((await explained(text)).code).toBe(0);
    expect(new Set(control.asked.map(({ path }) => path))).toEqual(new Set([`/api/v1/explain?requestId=${ID}`]));
  });

  it("says of a caller whether it was looked at, and whether it was proven", async () => {
    answers(NOWHERE);
    const curl = ["--", "curl", "http://nowhere:9080/"];
    const as = await explained("--as", "web/page", ...curl);
    expect(as.stdout).toMatch(
      /^caller +cluster\.local\/ns\/web\/sa\/page, not looked at: the request comes to no service$/m,
    );
    expect((await explained(...curl)).stdout).not.toMatch(/^caller/m);
    answers({ ...NOWHERE, request: REQUEST });
    expect((await explained(...curl)).stdout).toMatch(/^caller +not proven$/m);
    answers({ ...NOWHERE, request: { ...REQUEST, principal: "cluster.local/ns/web/sa/page" } });
    expect((await explained(ID)).stdout).toMatch(/^caller +cluster\.local\/ns\/web\/sa\/page$/m);
  });

  it("says of a short name that nobody's namespace knows it", async () => {
    const hint =
      "`nowhere` is known by this name in its namespace: say who calls (--as NAMESPACE/ACCOUNT), or give its whole name\n";
    answers(NOWHERE);
    const curl = ["--", "curl", "http://nowhere:9080/"];
    expect((await explained(...curl)).stderr).toBe(hint);
    answers({ ...NOWHERE, scope: "mesh/web" });
    expect((await explained("--as", "web/page", ...curl)).stderr).toBe("");
    answers({ ...NOWHERE, host: "nowhere.test" });
    expect((await explained("--", "curl", "http://nowhere.test/")).stderr).toBe("");
  });

  it("passes on how many hops there are", async () => {
    control.routes = {
      "GET /api/v1/explain": () => refused("NotFound", "there is no hop 5 of it: 2 hops are recorded"),
    };
    const { code, stderr } = await explained(ID, "--hop", "5");
    expect([code, stderr]).toEqual([1, "error: there is no hop 5 of it: 2 hops are recorded\n"]);
    expect(control.asked[0]?.path).toBe(`/api/v1/explain?requestId=${ID}&hop=5`);
  });

  it.each([
    { name: "nothing", args: [" \r"], says: "say what: a request id" },
    { name: "a record's caller by --as", args: [ID, "--as", "web/page"], says: "a record has its own" },
    {
      name: "a hop of what nobody sent",
      args: ["--hop", "1", "--", "curl", "http://a/"],
      says: "--hop is of a request",
    },
    { name: "a line without an id", args: ["[2026-01-02]", "GET", "/"], says: "no request id in it" },
  ])("refuses $name", async ({ args, says }) => {
    const { code, stderr } = await explained(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(control.asked).toEqual([]);
  });
});
