import { beforeAll, describe, expect, it } from "vitest";
import type { EndpointAddress, Slice } from "../../src/snapshot/model.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { control } from "./support/control.ts";
import { callInMesh, logged, serveSlices, until } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const A = "a.default.svc.cluster.local";
const B = "b.default.svc.cluster.local";
/** Hosts whose one endpoint is at another address. */
const PUBLIC = "public.default.svc.cluster.local";
const FORGED = "forged.default.svc.cluster.local";
const ORDER = { namespace: "shop", serviceAccount: "order" };

function at(host: string, address: EndpointAddress): Slice {
  const slice = sliceOf(host);
  const clusters = Object.entries(slice.clusters).map(([id, cluster]) => {
    const endpoints = cluster.endpoints.map((endpoint) => ({ ...endpoint, address }));
    return [id, { ...cluster, endpoints }] as const;
  });
  return { ...slice, clusters: Object.fromEntries(clusters) };
}

/** What the mesh says of hosts that it does not know: here, that all of them are the service `b`. */
const OUTSIDE: Slice = { ...sliceOf(B), host: "*", outside: true };

beforeAll(async () => {
  serve("a", (request) => Response.json(["a", request.url, request.headers.get("host")]));
  serve("a's export", (request) => Response.json(["a's export", request.url, request.headers.get("host")]));
  serve("b", () => new Response("b"));
  // Control does not know the gateway yet: so it tells of itself.
  const early = callInMesh(`http://${A}/`);
  await until(() => control.registrations.length > 0);
  await serveSlices({
    "mesh/*": {
      [A]: sliceOf(A),
      [B]: sliceOf(B),
      [PUBLIC]: at(PUBLIC, { kind: "origin", origin: "https://public.test" }),
      [FORGED]: at(FORGED, { kind: "binding", name: "EP_A__export" }),
      "*": OUTSIDE,
    },
  });
  await early;
});

async function call(props: CallerProps, url = "https://whatever.test:8443/x?y=1", init: RequestInit = {}) {
  const response = await callInMesh(url, { ...init, props: { ...ORDER, ...props } });
  return [response.status, await response.text()];
}

describe("a binding whose props name a service", () => {
  it("calls it, whatever URL and Host say, and passes both on as they are", async () => {
    expect(await call({ service: A })).toEqual([200, '["a","https://whatever.test:8443/x?y=1","whatever.test:8443"]']);
    expect(await call({ service: A }, `http://${B}/`, { headers: { host: B } })).toEqual([
      200,
      `["a","http://${B}/","${B}"]`,
    ]);
  });

  it("calls it at the port that they name, and at none that it has not", async () => {
    expect(await call({ service: A, port: 80 }, `http://${B}:9080/`)).toMatchObject([200, expect.anything()]);
    expect(await call({ service: A, port: 81 }, `http://${A}/`)).toEqual([404, ""]);
  });

  it("leads nowhere else where the mesh does not know it", async () => {
    expect(await call({}, "http://nobody.test/")).toEqual([200, "b"]);
    expect(await call({ service: "nobody.test" }, `http://${A}/`)).toEqual([404, ""]);
  });
});

describe("a variant of a Worker's binding", () => {
  it("is called where the props name it", async () => {
    expect(await call({ service: A, binding: "export" })).toMatchObject([200, expect.stringMatching("a's export")]);
    expect(await call({ service: A })).toMatchObject([200, expect.stringMatching('^."a"')]);
  });

  it.each([
    { what: "that the gateway lacks", props: { service: A, binding: "other" } },
    { what: "of what is no Worker", props: { service: PUBLIC, binding: "export" } },
    { what: "that an address names", props: { service: FORGED } },
  ])("$what is missing, and nothing else is called instead", async ({ props }) => {
    const [line] = await logged(async () =>
      expect(await call(props)).toEqual([
        503,
        "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
      ]),
    );
    expect(line).toMatchObject({ status: 503, response_flags: "UF", details: "binding_missing" });
  });

  it("is nothing that a gateway tells control of", () => {
    expect(control.registrations.map(({ bindings }) => bindings.toSorted())).toContainEqual([
      "EP_A",
      "EP_B",
      "EP_GONE",
    ]);
  });
});
