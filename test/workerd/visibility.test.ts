import { beforeAll, describe, expect, it } from "vitest";
import type { Front, Slice } from "../../src/snapshot/model.ts";
import { TestAuthority } from "../identity/svids.ts";
import { callFromOutside, callInMesh, logged, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const A = "a.default.svc.cluster.local";
const EXPOSED = "b.test";

/** What a compiler makes of REGISTRY_ONLY. */
const { ports: _, ...ANY_PORT } = sliceOf("*");
const BLOCKED: Slice = {
  ...ANY_PORT,
  routes: [{ name: "block_all", matches: [], destinations: [], direct: { status: 502, body: "", blocked: true } }],
  clusters: {},
  outside: true,
};

function front(host: string): Slice {
  const workload = { name: "gw", namespace: "default", principal: null, app: "gw", version: "latest" };
  const model: Front = { gateway: "default/gw", workload, policySet: 0, clientCertificate: "optional" };
  return { ...sliceOf(host), front: model };
}

const idOf = (namespace: string, account: string): string => `spiffe://cluster.local/ns/${namespace}/sa/${account}`;

describe("who calls decides what there is", () => {
  let shown: string;

  beforeAll(async () => {
    const authority = await TestAuthority.create();
    const der = await authority.issue({ uris: [idOf("default", "web")] });
    shown = `:${btoa(String.fromCharCode(...der))}:`;
    serve("a", () => new Response("a"));
    serve("b", () => new Response("b"));
    await serveSlices(
      {
        "mesh/*": { [A]: sliceOf(A), "*": BLOCKED },
        "mesh/shop": { [A]: null },
        "mesh/shop/till": { [A]: sliceOf(A), "*": null },
        "mesh/bank": { "~": null },
        "gw/*": { [EXPOSED]: front(EXPOSED) },
      },
      [authority.der],
    );
  });

  /** Status, code and scope of a call. */
  async function called(namespace: string, account: string, host = A): Promise<readonly unknown[]> {
    const props = { namespace, serviceAccount: account };
    const [line] = await logged(async () => (await callInMesh(`http://${host}/`, { props })).text());
    return [line?.["status"], line?.["details"], line?.["scope"]];
  }

  it("by namespace, by service account, and no wider than a scope says", async () => {
    expect(await called("default", "web")).toEqual([200, "via_upstream", "mesh/default"]);
    expect(await called("shop", "cart")).toEqual([502, "egress_blocked", "mesh/shop"]);
    expect(await called("shop", "till")).toEqual([200, "via_upstream", "mesh/shop/till"]);
    expect(await called("shop", "till", "nobody.test")).toEqual([404, "no_route", "-"]);
    expect(await called("bank", "clerk")).toEqual([404, "no_route", "-"]);
    expect(await called("other", "web", "nobody.test")).toEqual([502, "egress_blocked", "mesh/other"]);
  });

  it("a service at a port that it has not is a host that the mesh does not know", async () => {
    expect(await called("default", "web", `${A}:81`)).toEqual([502, "egress_blocked", "mesh/default"]);
    expect(await called("shop", "till", `${A}:81`)).toEqual([404, "no_route", "mesh/shop/till"]);
  });

  it("from outside a workload finds what a Gateway exposes before it is told that a host is unknown", async () => {
    const tlsClientAuth = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: shown };
    const status = async (host: string) => {
      const cf = { tlsClientAuth } as unknown as IncomingRequestCfProperties;
      const answer = await callFromOutside(`http://${host}/`, { headers: { host }, cf });
      return [answer.status, await answer.text()];
    };
    const lines = await logged(async () => {
      expect(await status(A)).toEqual([200, "a"]);
      expect(await status(EXPOSED)).toEqual([200, "b"]);
      expect(await status("nobody.test")).toEqual([502, ""]);
    }, 3);
    expect(lines.map(({ scope }) => scope)).toEqual(["mesh/default", "gw/*", "mesh/default"]);
  });
});
