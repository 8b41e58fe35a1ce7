import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { RootAnswer } from "../../src/snapshot/rpc.ts";
import type { Parties, TailOrder } from "../../src/snapshot/tail-model.ts";
import { EventReader } from "../support/server-events.ts";
import { RunningControl } from "./running.ts";

/** A bound on what hangs. */
const PATIENCE_MS = 60_000;
/** Less than a tail waits for isolates. */
const WAITS_MS = 2_500;

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
  await control.rpc("ALL", "register", { bindings: [], hasPrivate: true, format: 3 });
});
afterAll(() => control.stop());

async function token(more: Record<string, unknown>): Promise<Record<string, string>> {
  const { json } = await control.call("POST", "/api/v1/tokens", { name: "t", role: "viewer", ...more });
  return { authorization: `Bearer ${String(json["token"])}`, id: String(json["id"]) };
}

/** By an account of its own unless another is given: each may have few. */
async function open(query = "", headers?: Record<string, string>): Promise<EventReader> {
  const { id: _, ...own } = headers ?? (await token({ role: "admin" }));
  return EventReader.open(new URL(`/api/v1/tail${query}`, await control.url()), own);
}

/** What a cell hears that looks now. @param tails revision that all its isolates have */
async function look(tails?: number): Promise<TailOrder | undefined> {
  const seen = { location: "LOC", serving: 1, refused: null, ...(tails !== undefined && { tails }) };
  return ((await control.rpc("STATE", "root", "all", null, seen)) as RootAnswer).tails;
}

/** Those that a test opened: of others, before it, it says nothing. */
let before: string[] = [];
beforeEach(async () => {
  before = (await look())?.wishes.map(({ id }) => id) ?? [];
});

/** What the tails of this test are to the gateways. */
async function wishes(): Promise<TailOrder["wishes"]> {
  return (await look())?.wishes.filter(({ id }) => !before.includes(id)) ?? [];
}

/** Lines as a cell sends them, for all tails that this test opened. */
async function send(record: Record<string, unknown>, parties: Parties, count = 1): Promise<void> {
  const tails = (await wishes()).map(({ id }) => id);
  const text = JSON.stringify({ response_flags: "-", route: null, policy: null, details: "via_upstream", ...record });
  await control.rpc("STATE", "tailed", {
    lines: Array.from({ length: count }, () => ({ text, parties, tails })),
    dropped: {},
  });
}

const TO_SHOP: Parties = { destination: "shop", sources: ["web"] };

/** None is open any more. */
async function alone(): Promise<void> {
  await vi.waitUntil(async () => (await look()) === undefined, PATIENCE_MS);
}

describe("a tail", () => {
  it("comes down with the next look, and is ready when all isolates have it", async () => {
    const told = async (): Promise<{ readonly took: number; readonly ready: unknown }> => {
      await look();
      const begun = performance.now();
      const reader = await open("?status=5xx,404&maxRps=7");
      const order = await look();
      expect(await wishes()).toMatchObject([{ filter: { status: ["5xx", "404"] }, maxRps: 7 }]);
      const before = [...reader.seen];
      await look(order?.revision);
      const took = performance.now() - begun;
      const ready = await reader.wait("ready");
      await reader.close();
      await alone();
      if (took < WAITS_MS) expect(before).toEqual([]);
      return { took, ready };
    };
    // They are waited for, but not for ever: a machine that stood still so long is asked again.
    let last = await told();
    while (last.took >= WAITS_MS) last = await told();
    expect(last.ready).toEqual([{ all: true }]);
  });

  it("is ready in the end, though an isolate never says that it has it", async () => {
    const busy = setInterval(() => void look().catch(() => undefined), 200);
    const reader = await open();
    expect(await reader.wait("ready")).toEqual([{ all: false }]);
    clearInterval(busy);
    await reader.close();
  });

  it("shows lines as the gateways wrote them, each once, and what was left out", async () => {
    const reader = await open();
    await send({ request_id: "a", path: "/ü" }, TO_SHOP);
    expect((await reader.wait("line"))[0]).toMatchObject({ request_id: "a", path: "/ü" });
    const [wish] = await wishes();
    await control.rpc("STATE", "tailed", { lines: [], dropped: { [wish!.id]: 3, another: 9 } });
    expect(await reader.wait("note")).toEqual([{ dropped: 3, reasons: { on_the_way: 3 } }]);
    await reader.close();
  });

  it("shows no more a second than it asked for, of all gateways together", async () => {
    const reader = await open("?maxRps=5");
    await send({ request_id: "b" }, TO_SHOP, 40);
    const [note] = await reader.wait("note");
    const shown = reader.seen.filter(({ event }) => event === "line").length;
    expect(shown + Number(note?.["dropped"])).toBe(40);
    // The lines may have come at the turn of a second.
    expect([5, 10]).toContain(shown);
    await reader.close();
  });

  it("ends with its token", async () => {
    const { id, ...headers } = await token({ permissions: ["tail"] });
    const [theirs, mine] = [await open("", headers), await open()];
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
    await theirs.end();
    await send({ request_id: "after" }, TO_SHOP);
    await mine.wait("line");
    await mine.close();
  });

  it("is a row of the audit, with what was asked for", async () => {
    await (await open("?policy=shop/deny&status=403", control.auth())).close();
    const { json } = await control.call("GET", "/api/v1/audit?verb=tail&limit=1");
    expect(json["entries"]).toMatchObject([
      { actor: "admin", verb: "tail", targets: ["tail"], detail: { policy: "shop/deny", status: "403" } },
    ]);
  });

  it("is not opened where the audit cannot be written", async () => {
    await control.sql("ALTER TABLE audit RENAME TO away");
    await expect(open("", control.auth())).rejects.toThrow("503");
    await control.sql("ALTER TABLE away RENAME TO audit");
  });

  it.each([
    { name: "no viewer", more: {} },
    { name: "no editor", more: { role: "editor" } },
    { name: "nobody with another permission", more: { permissions: ["explain"] } },
    { name: "no viewer of a namespace", more: { namespace: "shop" } },
  ])("is for $name that lacks the permission, who is told which", async ({ more }) => {
    const { id: _, ...headers } = await token(more);
    const answer = await control.raw("GET", "/api/v1/tail", headers);
    const { message } = (await answer.json()) as { message: string };
    expect([answer.status, message]).toEqual([403, expect.stringContaining("the permission `tail`")]);
    expect(message).toContain("--permit tail");
  });

  it("warns of a condition that names nothing, where its reader may know that", async () => {
    const { id: _, ...headers } = await token({ permissions: ["tail"], namespace: "shop" });
    const [all, shop] = [await open("?service=nobody&status=5xx"), await open("?service=nobody", headers)];
    await look((await look())?.revision);
    const warnings = ["there is no service `nobody`, and until there is no request meets that"];
    expect(await all.wait("ready")).toMatchObject([{ warnings }]);
    expect((await shop.wait("ready"))[0]).not.toHaveProperty("warnings");
    await Promise.all([all, shop].map((reader) => reader.close()));
  });

  it("tells a namespace nothing of a service that another one keeps to itself", async () => {
    const entry = (name: string, exportTo: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: bank }
spec:
  hosts: [${name}.shop.corp]
  exportTo: ["${exportTo}"]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: "binding:EP_${name.toUpperCase()}" }]
`;
    const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: bank }\n";
    const { status } = await control.apply([namespace, entry("hidden", "."), entry("open", "*")].join("---\n"));
    expect(status).toBe(200);
    const { id: _, ...headers } = await token({ permissions: ["tail"], namespace: "shop" });
    const readers = [await open("?service=hidden.shop", headers), await open("?service=open.shop", headers)];
    await look((await look())?.revision);
    const told = await Promise.all(readers.map(async (reader) => (await reader.wait("ready"))[0]?.["warnings"]));
    expect(told).toEqual([["there is no service `hidden.shop`, and until there is no request meets that"], undefined]);
    await Promise.all(readers.map((reader) => reader.close()));
  });

  it("refuses a condition that it does not know, and another namespace", async () => {
    const { id: _, ...headers } = await token({ permissions: ["tail"], namespace: "shop" });
    const status = async (query: string) => (await control.raw("GET", `/api/v1/tail?${query}`, headers)).status;
    expect([await status("sources=a"), await status("status=x"), await status("namespace=web")]).toEqual([
      400, 400, 403,
    ]);
  });
});

describe("a tail of one namespace", () => {
  const RECORD = {
    status: 403,
    response_flags: "UAEX",
    details: "rbac_denied_no_allow",
    policy: "shop/secret",
    route: "shop/secret/0",
    request_principal: "https://issuer/secret",
    destination_service: "orders.shop.svc.cluster.local",
    source_principal: "cluster.local/ns/web/sa/page",
  };

  it("shows requests to it whole, those from it without the other side's policies, and no others", async () => {
    const of = async (namespace: string) => {
      const { id: _, ...headers } = await token({ permissions: ["tail"], namespace });
      return open("", headers);
    };
    const [shop, web, other, all] = [await of("shop"), await of("web"), await of("other"), await open()];
    await send({ request_id: "a", ...RECORD }, TO_SHOP);
    await send({ request_id: "z" }, { destination: "other", sources: [] });
    expect((await shop.wait("line"))[0]).toMatchObject({ request_id: "a", policy: "shop/secret" });
    const [seen] = await web.wait("line");
    expect(seen).toMatchObject({ request_id: "a", status: 403, details: "refused", policy: null, route: null });
    expect(JSON.stringify(seen)).not.toContain("secret");
    await all.wait("line", 2);
    expect((await other.wait("line")).map((line) => line["request_id"])).toEqual(["z"]);
    expect([shop.seen, web.seen].map((each) => each.filter(({ event }) => event === "line").length)).toEqual([1, 1]);
    await Promise.all([shop, web, other, all].map((reader) => reader.close()));
  });

  it("finds out nothing hidden by a condition on it, nor sends that to the gateways", async () => {
    const { id: _, ...headers } = await token({ permissions: ["tail"], namespace: "web" });
    const hidden = await open("?policy=shop/secret", headers);
    const route = await open("?route=shop/secret", headers);
    const plain = await open("?status=403", headers);
    expect((await wishes()).map(({ filter }) => filter)).toEqual([
      { namespace: "web" },
      { namespace: "web" },
      { namespace: "web", status: ["403"] },
    ]);
    await send({ request_id: "a", ...RECORD }, TO_SHOP);
    await send({ request_id: "own", ...RECORD, policy: "web/front" }, { destination: "web", sources: [] });
    await plain.wait("line", 2);
    expect(hidden.seen.filter(({ event }) => event === "line")).toEqual([]);
    expect(route.seen.filter(({ data }) => data.includes('"a"'))).toEqual([]);
    await Promise.all([hidden, route, plain].map((reader) => reader.close()));
  });
});

it("ends when its reader goes, and then costs nobody anything; an account has 5 at most, and there are 20", async () => {
  await alone();
  const readers: EventReader[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    const { id: _, ...headers } = await token({ name, permissions: ["tail"], namespace: "shop" });
    readers.push(...(await Promise.all(Array.from({ length: 5 }, () => open("", headers)))));
    if (name === "a") {
      await expect(open("", headers)).rejects.toThrow(/429.*5 tails of your account.*end one/);
      // Who leaves takes no place: it is written to before another is refused.
      await readers.pop()?.close();
      readers.push(await vi.waitUntil(async () => open("", headers).catch(() => null), PATIENCE_MS));
    }
  }
  await vi.waitUntil(async () => (await look())?.wishes.length === 20, PATIENCE_MS);
  await expect(open()).rejects.toThrow(/429.*20 tails are open/);
  await Promise.all(readers.map((reader) => reader.close()));
  await alone();
  await (await open()).close();
});
