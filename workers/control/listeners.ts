import { Hono } from "hono";
import { z } from "zod";
import { answer, type Api, refusal } from "./access.ts";
import { objectStore } from "./db/store.ts";
import { readText } from "./kube/body.ts";
import { failure, notFound } from "../../src/kube/status.ts";

const Listening = z.strictObject({
  addresses: z.array(z.string().min(1).max(253)).max(16),
  /** Logical port to the one that could be bound, where they differ. */
  boundPorts: z.record(z.string().regex(/^\d{1,5}$/), z.int().min(1).max(65_535)),
  failed: z.array(z.strictObject({ port: z.int(), reason: z.string().max(500) })).max(100),
});

const BOUND_PORTS = "tulle.dev/bound-ports";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** Whoever listens for a Gateway says so here: its addresses, its ports, and what could not be opened. */
export function listenerRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/gateways/:namespace/:name/listeners", async (c) => {
    const { namespace, name } = c.req.param();
    const ref = { group: "networking.istio.io", kind: "Gateway", namespace, name };
    const refused = refusal(c.var.account, {
      verb: "update",
      group: ref.group,
      resource: "gateways/status",
      namespace,
    });
    if (refused !== null) return answer(c, refused);
    const text = await readText(c.req.raw);
    if (!text.ok) return answer(c, text.error);
    const read = readListening(text.value);
    if (read === null)
      return answer(c, failure("BadRequest", "send JSON: {addresses: [], boundPorts: {}, failed: [{port, reason}]}"));
    const gateway = await objectStore(c.env.DB).get(ref);
    if (!gateway) return answer(c, notFound(ref));

    const { addresses, boundPorts, failed } = read;
    const programmed = failed.length === 0;
    const before = (gateway.status as { conditions?: readonly Condition[] } | undefined)?.conditions?.find(
      ({ type }) => type === "Programmed",
    );
    const status = programmed ? "True" : "False";
    const condition: Condition = {
      type: "Programmed",
      status,
      reason: programmed ? "Programmed" : "PortUnavailable",
      message: programmed ? "" : failed.map(({ port, reason }) => `port ${port}: ${reason}`).join("; "),
      lastTransitionTime:
        before?.status === status ? before.lastTransitionTime : `${new Date().toISOString().slice(0, 19)}Z`,
    };
    const ports = Object.entries(boundPorts).map(([logical, bound]) => `${logical}=${bound}`);
    const written = await c.env.HUB.getByName("hub").write(
      [
        {
          verb: "status",
          ref,
          status: { addresses: addresses.map((value) => ({ type: "IPAddress", value })), conditions: [condition] },
          annotations: { [BOUND_PORTS]: ports.length === 0 ? null : ports.join(",") },
        },
      ],
      { actor: c.var.account.name, verb: "listeners", dryRun: false },
    );
    const [failure_] = written.ok ? [] : written.failures;
    return failure_ ? answer(c, failure_.status) : c.body(null, 204);
  });
  return app;
}

function readListening(text: string): z.infer<typeof Listening> | null {
  try {
    const read = Listening.safeParse(JSON.parse(text));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
