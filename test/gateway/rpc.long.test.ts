import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ran, RpcMesh, service } from "./rpc-mesh.ts";

const hostOf = (name: string): string => `${name}.default.svc.cluster.local`;
const ORDER = { namespace: "shop", serviceAccount: "order", workload: "order-v1" };
const to = (name: string) => ({ ...ORDER, service: hostOf(name) });

const GUARD = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "guarded" },
  spec: {
    selector: { matchLabels: { app: "guarded" } },
    rules: [
      {
        from: [{ source: { principals: ["cluster.local/ns/shop/sa/order"] } }],
        to: [{ operation: { methods: ["POST"], paths: ["/default/add"] } }],
        when: [{ key: "tulle.dev/protocol", values: ["workers-rpc"] }],
      },
    ],
  },
};

let mesh: RpcMesh;

beforeAll(async () => {
  const one = { v1: "binding:EP_V1" };
  mesh = await RpcMesh.start(
    {
      MESH: to("plain"),
      GUARDED: to("guarded"),
      CLERK: { ...to("guarded"), serviceAccount: "clerk" },
      GONE: to("gone"),
      ADMIN: { ...to("plain"), entrypoint: "Admin", binding: "admin" },
    },
    [
      ...service("plain", one),
      ...service("guarded", { v2: "binding:EP_V2" }),
      ...service("gone", { v1: "binding:EP_GONE" }),
      GUARD,
    ],
  );
});
afterAll(async () => mesh.stop());

/** The same, but for where in the code it was. */
const shown = ({ value, threw }: Ran): unknown => (threw ? { ...threw, stack: undefined } : value);

describe("a value that is nested deeper than the gateway can carry", () => {
  it("is the caller's doing, and no failure of the service", async () => {
    const deep =
      "let value = null; for (let depth = 0; depth < 2_800; depth += 1) value = [value]; return B.length(value)";
    expect((await mesh.run("MESH", deep)).threw).toMatchObject({ name: "RangeError" });
    expect(
      await mesh.logged(({ details, path }) => path === "/default/length" && details === "application_error"),
    ).toMatchObject([{ status: 500, response_flags: "-" }]);
  });
});

describe("through the mesh as over the bare binding", () => {
  it.each([
    "return B.add(1, 2)",
    "return B.motto",
    "return B.shelf",
    "const add = await B.add; return add(1, 2)",
    "return B.counter().add(3)",
    "using counter = await B.counter(); return [await counter.add(1), await counter.add(2)]",
    "return B.call((x) => x * 2)",
    "return (await B.fetch('http://any/thing')).text()",
    "return B.none(1)",
    "return B.none",
    "return B.fails()",
    "return B.throws(null)",
    "return B.throws('text')",
    "return B.throws({ a: 1 })",
    "return B.resets()",
    "return B.unsendable()",
    "return B.length(new WeakMap())",
    "return (await B.large(33 * 2 ** 20)).length",
    "return B.length('x'.repeat(33 * 2 ** 20))",
    "const counter = await B.counter(); counter[Symbol.dispose](); return B.call(counter)",
    ...["queue", "scheduled", "tail", "trace", "test", "email", "alarm", "dup", "env", "ctx", "_m", "", "a b"].flatMap(
      (name) => [`return B[${JSON.stringify(name)}](1)`, `return typeof (await B[${JSON.stringify(name)}])`],
    ),
    ...["toString", "constructor", "__proto__", "__defineGetter__", "hasOwnProperty"].map(
      (name) => `return typeof (await B[${JSON.stringify(name)}])`,
    ),
  ])("%s", async (code) => {
    expect(shown(await mesh.run("MESH", code))).toEqual(shown(await mesh.run("DIRECT", code)));
  });

  it("but nothing below a property: what is there would be the gateway's", async () => {
    for (const path of ["shelf.book", "shelf.open()", "add.name", "add.call(1)", "motto.length", "add.a.b.c"]) {
      expect(shown(await mesh.run("MESH", `return B.${path}`))).toMatchObject({
        name: "MeshUnsupported",
        status: 501,
        remote: true,
      });
    }
    expect((await mesh.logged(({ details }) => details === "rpc_path", 6)).at(0)).toMatchObject({
      path: "/default/shelf",
    });
  });
});

describe("an error of the mesh", () => {
  it("comes with its name, status and request id, and says nothing of where it was made", async () => {
    const { threw } = await mesh.run("CLERK", "return B.add(1, 2)");
    const requestId = threw?.["requestId"];
    expect(await mesh.logged(({ request_id }) => request_id === requestId)).toMatchObject([{ status: 403 }]);
    expect(threw).toEqual({
      name: "MeshDenied",
      message: "RBAC: access denied",
      status: 403,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      remote: true,
      stack: expect.not.stringMatching("gateway|workers"),
    });
  });

  it("comes for a call in a row on what another would have returned", async () => {
    expect(shown(await mesh.run("CLERK", "return B.counter().add(1)"))).toMatchObject({ name: "MeshDenied" });
    expect(shown(await mesh.run("CLERK", "return B.motto"))).toMatchObject({ name: "MeshDenied" });
  });

  it("has its name in its message alone for a caller of before 2026-04-21", async () => {
    const { threw = {} } = await mesh.run("CLERK", "return B.add(1, 2)", "old-caller");
    expect(threw).toMatchObject({ name: "Error", message: "MeshDenied: RBAC: access denied" });
    expect(threw).not.toHaveProperty("requestId");
  });

  it("is MeshUnavailable where nobody is there", async () => {
    expect(shown(await mesh.run("GONE", "return B.add(1, 2)"))).toMatchObject({ name: "MeshUnavailable", status: 503 });
  });
});

describe("a method that may not be called", () => {
  it("is never reached, nor by HTTP where Workers RPC may", async () => {
    const before = await mesh.run("V2", "return B.hits('add')");
    await mesh.run("CLERK", "return B.add(1, 2)");
    await mesh.run("CLERK", "return B.add");
    const http = "return (await B.fetch('http://x/default/add', { method: 'POST' })).text()";
    expect(await mesh.run("GUARDED", http)).toEqual({ value: "RBAC: access denied" });
    expect(await mesh.run("V2", "return B.hits('add')")).toEqual(before);
    expect(await mesh.run("GUARDED", "return B.add(1, 2)")).toEqual({ value: 3 });
  });
});

describe("a variant", () => {
  it("sees the props that its user wrote, for calls and for requests", async () => {
    expect(await mesh.run("ADMIN", "return B.whoami()")).toEqual({ value: ["Admin", { tenant: "acme" }] });
    expect(await mesh.run("ADMIN", "return (await B.fetch('http://x/')).text()")).toEqual({ value: "admin of acme" });
    expect(await mesh.logged(({ path }) => path === "/Admin/whoami")).toMatchObject([{ endpoint: "binding:EP_V1" }]);
  });
});
