import { beforeAll, describe, expect, it } from "vitest";
import { withPrograms } from "../../src/compile/programs.ts";
import type { Route, Slice } from "../../src/snapshot/model.ts";
import { callInMesh, logged, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const A = "a.default.svc.cluster.local";
const ORDER = { namespace: "shop", serviceAccount: "order", workload: "order-v1" };
/** Gzip of `hello`, as base64. */
const PACKED = "H4sIAAAAAAACA8tIzcnJBwCGphA2BQAAAA==";

const at = (path: string, route: Partial<Route>): Route => ({
  name: `default/v${path}`,
  matches: [{ uri: { kind: "exact", value: path } }],
  destinations: [],
  ...route,
});

function withRoutes(slice: Slice): Slice {
  const [forwarding] = slice.routes;
  if (!forwarding) throw new Error("the slice has no route");
  return withPrograms({
    ...slice,
    format: 3,
    routes: [
      at("/moved", { redirect: { status: 308, path: "/here" } }),
      at("/text", { direct: { status: 503, body: "später" } }),
      at("/html", { direct: { status: 200, body: "<p>" }, response: { set: [["content-type", "text/html"]] } }),
      at("/gone", {
        direct: { status: 204, body: "" },
        response: {
          add: [
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"],
          ],
        },
      }),
      at("/packed", {
        direct: { status: 200, body: PACKED, base64: true },
        response: {
          set: [
            ["content-encoding", "gzip"],
            ["x-from", "%REQ(x-user)% %ROUTE_NAME%"],
          ],
        },
      }),
      {
        ...forwarding,
        name: "default/v/rest",
        matches: [],
        rewrite: { regex: { match: "/item/(\\d+)", rewrite: "/i-\\1" } },
        request: { set: [["x-via", "%UPSTREAM_CLUSTER%"]] },
        response: { set: [["x-asked", "%REQ(:path)%"]] },
      },
    ],
  });
}

beforeAll(() => serveSlices({ "mesh/*": { [A]: withRoutes(sliceOf(A)) } }));

const call = async (path: string, init: RequestInit = {}): Promise<Response> =>
  callInMesh(`http://${A}${path}`, { redirect: "manual", ...init, props: ORDER });

describe("a gateway's own answer for a route", () => {
  it("is a redirect with its status and place", async () => {
    const lines = await logged(async () => {
      const response = await call("/moved?a=b");
      expect([response.status, response.headers.get("location")]).toEqual([308, `http://${A}/here?a=b`]);
      expect(response.headers.get("content-type")).toBeNull();
    });
    expect(lines).toMatchObject([{ status: 308, details: "redirect", route: "default/v/moved", endpoint: null }]);
  });

  it("is text, counted in bytes, unless the route says another type", async () => {
    const lines = await logged(async () => {
      const response = await call("/text");
      expect([response.status, await response.text()]).toEqual([503, "später"]);
      expect(response.headers.get("content-type")).toBe("text/plain");
    });
    expect(lines).toMatchObject([{ bytes_sent: 7, details: "direct_response", response_flags: "-" }]);
    const html = await call("/html");
    expect([await html.text(), html.headers.get("content-type")]).toEqual(["<p>", "text/html"]);
  });

  it("may have no body, and headers of one name", async () => {
    const response = await call("/gone");
    expect([response.status, response.body, response.headers.getSetCookie()]).toEqual([204, null, ["a=1", "b=2"]]);
    expect(response.headers.get("x-request-id")).not.toBeNull();
  });

  it("is sent as its bytes stand, with values of the request", async () => {
    const response = await call("/packed", { headers: { "x-user": "ann" } });
    expect(await response.text()).toBe("hello");
    expect(response.headers.get("x-from")).toBe("ann default/v/packed");
  });
});

describe("a gateway's route with patterns and variables", () => {
  it("sends the path that the pattern made, and fills values on both sides", async () => {
    serve("a", (request) => new Response(`${new URL(request.url).pathname} ${request.headers.get("x-via")}`));
    const response = await call("/shop/item/7/item/8?q=1");
    expect(await response.text()).toMatch(/^\/shop\/i-7\/i-8 \S+/);
    expect(response.headers.get("x-asked")).toBe("/shop/item/7/item/8?q=1");
  });
});
