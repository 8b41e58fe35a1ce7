import { percentile } from "../../../bench/percentile.ts";
import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { fleet, WATCHED } from "../fleet.ts";
import type { FaultMesh } from "../mesh.ts";
import { shut } from "../refusals.ts";
import { atMost, exactly, type Row } from "../row.ts";
import { answers, says } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

/** How often each gateway is looked at: a request a second keeps it awake, more of them see sooner what it obeys. */
const LOOK_EVERY_MS = 200;

interface Obeyed {
  /** Of each gateway, from the moment control has answered. */
  readonly ms: readonly number[];
  /** Gateways that obeyed, and then did not. */
  readonly back: number;
}

/** Changes something, and looks at all gateways until each obeys. */
async function obeyed(mesh: FaultMesh, id: string, status: number, change: () => Promise<void>): Promise<Obeyed> {
  const watch = { stop: false, since: Number.POSITIVE_INFINITY };
  let back = 0;
  const ms = new Map<string, number>();
  const looks = WATCHED.map(async (gateway, at) => {
    await new Promise((resolve) => setTimeout(resolve, (at * LOOK_EVERY_MS) / WATCHED.length));
    while (!watch.stop) {
      const answer = await send(`http://127.0.0.1:${mesh.portOf(gateway)}/shut`, { host: hostOf(id) });
      const obeys = answer.status === status;
      if (obeys && !ms.has(gateway)) ms.set(gateway, Math.max(0, performance.now() - watch.since));
      if (!obeys && ms.has(gateway)) back += 1;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  });
  try {
    await change();
    watch.since = performance.now();
    await until("all gateways to obey", () => ms.size === WATCHED.length, 20_000);
    await new Promise((resolve) => setTimeout(resolve, 2 * LOOK_EVERY_MS));
  } finally {
    watch.stop = true;
    await Promise.all(looks);
  }
  return { ms: [...ms.values()], back };
}

/** Only right together: `/a` is open exactly where `/b` is shut, and what is open is served by `good`. */
function pair(open: "a" | "b"): string {
  const shutPath = open === "a" ? "/b" : "/a";
  const targetRefs = ["good", "bad"].map((name) => ({ kind: "ServiceEntry", group: "networking.istio.io", name }));
  const policy = (name: string, action: string, paths: readonly string[]) => ({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace: "f10" },
    spec: { action, targetRefs, rules: [{ to: [{ operation: { paths } }] }] },
  });
  const route = (name: string) => [{ destination: { host: `${name}.f10.internal` } }];
  return [
    policy("allow", "ALLOW", ["/a", "/b"]),
    policy("deny", "DENY", [shutPath]),
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "pair", namespace: "f10" },
      spec: {
        hosts: [hostOf("F10")],
        gateways: ["default/front"],
        http: [{ match: [{ uri: { exact: `/${open}` } }], route: route("good") }, { route: route("bad") }],
      },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

const service = (name: string, port: number): string =>
  JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "f10" },
    spec: {
      hosts: [`${name}.f10.internal`],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      endpoints: [{ address: "127.0.0.1", ports: { http: port } }],
    },
  });

export const CHANGE_ROWS: readonly Row[] = [
  {
    id: "F9",
    fault: `policy change, ${WATCHED.length} gateways`,
    promise: "every gateway obeys within the bound",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await fleet(stage), await stage.upstream()];
      await mesh.mustApply(world("F9", [upstream.port]));
      await obeyed(mesh, "F9", 200, async () => undefined);
      const all: Obeyed[] = [];
      for (let change = 0; change < (stage.all ? 20 : 2); change += 1) {
        const isShut = change % 2 === 0;
        all.push(
          await obeyed(mesh, "F9", isShut ? 403 : 200, async () => {
            if (isShut) return mesh.mustApply(shut("F9"));
            const path = "/k8s/apis/security.istio.io/v1/namespaces/f9/authorizationpolicies/shut";
            const { status, text } = await mesh.control("DELETE", path);
            if (status !== 200) throw new Error(`delete: ${status} ${text}`);
          }),
        );
      }
      const ms = all.flatMap((each) => each.ms);
      const back = all.reduce((sum, each) => sum + each.back, 0);
      return [
        atMost("p50", percentile(ms, 0.5), 1_500, " ms"),
        atMost("p99", percentile(ms, 0.99), 3_000, " ms"),
        exactly("went back to the old one", back, 0),
      ];
    },
  },
  {
    id: "F47",
    fault: "rollback of a bad policy",
    promise: "one call, one generation",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await fleet(stage), await stage.upstream()];
      await mesh.mustApply(world("F47", [upstream.port]));
      await obeyed(mesh, "F47", 200, async () => undefined);
      const newest = async (): Promise<number> => {
        const { text } = await mesh.control("GET", "/api/v1/status");
        return (JSON.parse(text) as { generation: number }).generation;
      };
      const good = await newest();
      await obeyed(mesh, "F47", 403, async () => mesh.mustApply(shut("F47")));
      const bad = await newest();
      const { ms, back } = await obeyed(mesh, "F47", 200, async () => {
        const body = JSON.stringify({ generation: good });
        const { status, text } = await mesh.control("POST", "/api/v1/rollback", body, "application/json");
        if (status !== 200) throw new Error(`rollback: ${status} ${text}`);
      });
      return [
        exactly("generations that it took", (await newest()) - bad, 1),
        atMost(`slowest of ${ms.length} gateways`, Math.max(...ms), 3_000, " ms"),
        exactly("went back to the bad one", back, 0),
      ];
    },
  },
  {
    id: "F10",
    fault: "DENY and ALLOW swapped by each apply, under load",
    promise: "no request is decided by a mix of two generations",
    short: true,
    async run(stage) {
      const [mesh, good, bad] = [await stage.mesh(), await stage.upstream(), await stage.upstream()];
      good.behaviour = answers;
      // What nobody may see: open by the policies of one generation, routed by those of another.
      bad.behaviour = says("HTTP/1.1 299 Torn\r\ncontent-length: 4\r\n\r\ntorn");
      const namespace = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "f10" } });
      const services = [service("good", good.port), service("bad", bad.port)];
      await mesh.mustApply([namespace, ...services, pair("a")].join("\n---\n"));
      await mesh.settled();
      const status = async (gateway: string, path: string): Promise<number> =>
        (await send(`http://127.0.0.1:${mesh.portOf(gateway)}${path}`, { host: hostOf("F10") })).status;
      const requests = [
        { host: hostOf("F10"), path: "/a" },
        { host: hostOf("F10"), path: "/b" },
      ];
      const loading = stage.load(mesh.portOf("one"), requests);
      const changes = stage.all ? 100 : 15;
      const watch = { stop: false };
      let [seen, torn] = [0, 0];
      const second = (async () => {
        for (let at = 0; !watch.stop; at += 1) {
          const is = await status("two", at % 2 === 0 ? "/a" : "/b");
          seen += 1;
          if (is !== 200 && is !== 403) torn += 1;
        }
      })();
      try {
        const began = performance.now();
        for (let change = 1; change <= changes; change += 1) {
          await mesh.mustApply(pair(change % 2 === 0 ? "a" : "b"));
          const due = began + (change * stage.seconds * 1_000) / changes;
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
        }
        const open = changes % 2 === 0 ? "/a" : "/b";
        for (const gateway of ["one", "two"])
          await until("the last pair", async () => (await status(gateway, open)) === 200);
      } finally {
        watch.stop = true;
        await second;
      }
      const loaded = await loading;
      const whole = (loaded.statuses[200] ?? 0) + (loaded.statuses[403] ?? 0);
      if ((loaded.statuses[403] ?? 0) === 0) throw new Error("no answer saw a policy");
      return [
        exactly(
          `answers of ${loaded.sent + seen} that fit neither generation`,
          loaded.sent - whole + torn + bad.hits,
          0,
        ),
      ];
    },
  },
];
