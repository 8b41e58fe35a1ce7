import { Hono } from "hono";
import { Listening } from "../../src/api/bodies.ts";
import { actorOf, answer, type Api, refusal } from "./access.ts";
import { readJson } from "./json-body.ts";

const BOUND_PORTS = "tulle.dev/bound-ports";

/** Whoever listens for a Gateway says so here: its addresses, its ports, and what could not be opened. */
export function listenerRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/gateways/:namespace/:name/listeners", async (c) => {
    const { namespace, name } = c.req.param();
    const ref = { group: "networking.istio.io", kind: "Gateway", namespace, name };
    const refused = await refusal(c, {
      verb: "update",
      group: ref.group,
      resource: "gateways/status",
      namespace,
    });
    if (refused !== null) return answer(c, refused);
    const read = await readJson(c.req.raw, Listening, "{addresses: [], boundPorts: {}, failed: [{port, reason}]}");
    if (!read.ok) return answer(c, read.error);
    const { addresses, boundPorts, failed } = read.value;
    const ports = Object.entries(boundPorts).map(([logical, bound]) => `${logical}=${bound}`);
    const written = await c.env.HUB.getByName("hub").write(
      [
        {
          verb: "report",
          ref,
          addresses: addresses.map((value) => ({ type: "IPAddress", value })),
          programmed: {
            status: failed.length === 0 ? "True" : "False",
            reason: failed.length === 0 ? "Programmed" : "PortUnavailable",
            message: failed.map(({ port, reason }) => `port ${port}: ${reason}`).join("; "),
          },
          annotations: { [BOUND_PORTS]: ports.length === 0 ? null : ports.join(",") },
        },
      ],
      { ...actorOf(c), verb: "listeners", dryRun: false },
    );
    const [failure_] = written.ok ? [] : written.failures;
    return failure_ ? answer(c, failure_.status) : c.body(null, 204);
  });
  return app;
}
