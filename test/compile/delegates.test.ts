import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const HOST = "shop.example.com";

function virtualService(name: string, spec: string, namespace = "default"): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const root = (rules: string): string => virtualService("root", `{ hosts: [${HOST}], http: [${rules}] }`);
const delegate = (rules: string, more = ""): string => virtualService("d", `{ ${more}http: [${rules}] }`, "shop");
const to = (host: string): string => `route: [{ destination: { host: ${host} } }]`;
const SERVICES = [service("cart"), service("cart", { namespace: "shop" })];

function world(...documents: readonly string[]): TestWorld {
  const made = new TestWorld();
  made.apply([...SERVICES, ...documents].join("\n---\n"));
  return made;
}

const routes = (of: TestWorld) => of.slice("mesh/*", HOST)?.routes ?? null;
/** The match blocks of the one delegated rule; null where it is left out. */
function matches(ofRoot: string, ofDelegate: string): unknown {
  const made = world(
    root(`{ match: [${ofRoot}], delegate: { name: d, namespace: shop } }`),
    delegate(`{ match: [${ofDelegate}], ${to("cart")} }`),
  );
  return routes(made)?.[0]?.matches ?? null;
}

const exact = (value: string) => ({ kind: "exact", value });
const prefix = (value: string) => ({ kind: "prefix", value });
const regex = (value: string) => ({ kind: "regex", value });

describe("a rule that delegates", () => {
  it("is the delegate's rules, whose short names are of the delegate's namespace", () => {
    const made = world(
      root(`{ name: r, delegate: { name: d, namespace: shop } }, { ${to("cart")} }`),
      delegate(`{ name: a, ${to("cart")} }, { match: [{ uri: { prefix: /b } }], redirect: { uri: /c } }`),
    );
    expect(routes(made)).toMatchObject([
      { name: "default/root/r-a", destinations: [{ cluster: "outbound|80||cart.shop.svc.cluster.local" }] },
      { name: "default/root/r", matches: [{ uri: prefix("/b") }], redirect: { path: "/c" } },
      { name: "default/root/1", destinations: [{ cluster: "outbound|80||cart.default.svc.cluster.local" }] },
    ]);
    expect(made.slice("mesh/*", "d")).toBeNull();
  });

  it("finds a delegate without a namespace in its own", () => {
    const own = virtualService("d", `{ http: [{ ${to("cart")} }] }`);
    expect(routes(world(root("{ delegate: { name: d } }"), own))).toMatchObject([{ name: "default/root/0-0" }]);
  });

  it("says what the delegate does not say", () => {
    const made = world(
      root(
        "{ delegate: { name: d, namespace: shop }, timeout: 1s, rewrite: { uri: /r }, headers: { request: { set: { a: b } } } }",
      ),
      delegate(
        `{ ${to("cart")} }, { ${to("cart")}, timeout: 2s, rewrite: { authority: x }, headers: {} }, { directResponse: { status: 200 } }`,
      ),
    );
    const [first, second, third] = routes(made) ?? [];
    expect(first).toMatchObject({ timeoutMs: 1_000, rewrite: { uri: "/r" }, request: { set: [["a", "b"]] } });
    expect(second).toMatchObject({ timeoutMs: 2_000, rewrite: { authority: "x" } });
    expect(second).not.toHaveProperty("request");
    expect(third).not.toHaveProperty("rewrite");
  });

  it.each<[string, string, unknown]>([
    ["", "{ uri: { exact: /a } }", [{ uri: exact("/a") }]],
    ["{ uri: { prefix: /a } }", "", [{ uri: prefix("/a") }]],
    ["{ uri: { prefix: /a } }", "{ uri: { prefix: /a/b } }", [{ uri: prefix("/a/b") }]],
    ["{ uri: { prefix: /a } }", "{ uri: { exact: /ab } }", [{ uri: exact("/ab") }]],
    ["{ uri: { exact: /a } }", "{ uri: { exact: /a } }", [{ uri: exact("/a") }]],
    ["{ uri: { regex: /a.* } }", "{ method: { exact: GET } }", [{ uri: regex("/a.*"), method: exact("GET") }]],
    [
      "{ uri: { prefix: /a } }, { uri: { prefix: /b } }",
      "{ headers: { x: { exact: y } } }, { uri: { exact: /b } }",
      [
        { uri: prefix("/a"), headers: [{ name: "x", match: exact("y") }] },
        { uri: prefix("/b"), headers: [{ name: "x", match: exact("y") }] },
        { uri: exact("/b") },
      ],
    ],
    [
      "{ withoutHeaders: { x: { prefix: a } }, queryParams: { p: {} } }",
      "{ withoutHeaders: { x: { exact: ab } }, queryParams: { q: {} } }",
      [
        {
          headers: [{ name: "x", match: prefix("a"), invert: true }],
          query: [
            { name: "p", match: { kind: "present" } },
            { name: "q", match: { kind: "present" } },
          ],
        },
      ],
    ],
    ["{ port: 80 }", "{ sourceNamespace: a }", [{ port: 80, sourceNamespace: "a" }]],
  ])("matches what both match: %s and %s", (ofRoot, ofDelegate, want) => {
    expect(matches(ofRoot, ofDelegate)).toEqual(want);
  });

  it.each([
    ["{ uri: { prefix: /a } }", "{ uri: { prefix: / } }"],
    ["{ uri: { prefix: /a } }", "{ uri: { exact: /b } }"],
    ["{ uri: { exact: /a } }", "{ uri: { prefix: /a } }"],
    ["{ uri: { exact: /a } }", "{ uri: { exact: /b } }"],
    ["{ uri: { regex: /a.* } }", "{ uri: { exact: /ab } }"],
    ["{ uri: { prefix: /a } }", "{ uri: { regex: /a.* } }"],
    ["{ uri: { prefix: /a } }", "{ ignoreUriCase: true, uri: { prefix: /a } }"],
    ["{ headers: { x: {} } }", "{ headers: { x: { exact: a } } }"],
    ["{ queryParams: { x: { exact: a } } }", "{ queryParams: { x: {} } }"],
    ["{ withoutHeaders: { x: { exact: a } } }", "{ withoutHeaders: { x: { exact: b } } }"],
    ["{ port: 80 }", "{ port: 81 }"],
    ["{ sourceNamespace: a }", "{ sourceNamespace: b }"],
    ["{ sourceLabels: { a: b } }", "{ sourceLabels: { a: c } }"],
    ["{ gateways: [mesh] }", "{ gateways: [mesh, x] }"],
    ["{ uri: { prefix: /a } }", "{ uri: { prefix: /a/b } }, { uri: { prefix: /b } }"],
  ])("leaves a delegate's rule out that asks for more: %s and %s", (ofRoot, ofDelegate) => {
    expect(matches(ofRoot, ofDelegate)).toBeNull();
  });

  it("takes over what comes of its delegate later", () => {
    const made = world(root(`{ delegate: { name: d, namespace: shop } }, { ${to("cart")} }`));
    expect(routes(made)).toHaveLength(1);
    made.apply(delegate(`{ match: [{ uri: { prefix: /b } }], ${to("cart")} }`));
    expect(routes(made)).toHaveLength(2);
    made.delete("VirtualService", "d", "shop");
    expect(routes(made)).toHaveLength(1);
  });
});

describe("the findings of roots and delegates", () => {
  const verdicts = (of: TestWorld) =>
    [...of.verdicts.values()].flat().map(({ code, field, severity }) => `${severity} ${code} ${field}`);

  it.each<[string, string, readonly string[]]>([
    ["is absent", "", ["warning TULLE0108 spec.http[0].delegate"]],
    [
      "has hosts",
      virtualService("d", `{ hosts: [other.example.com], http: [{ ${to("cart")} }] }`, "shop"),
      ["warning TULLE0108 spec.http[0].delegate"],
    ],
    [
      "is not exported",
      delegate(`{ ${to("cart")} }`, "exportTo: [.], "),
      ["warning TULLE0108 spec.http[0].delegate", "warning TULLE0108 spec.exportTo"],
    ],
    ["is exported", delegate(`{ ${to("cart")} }`, "exportTo: [default], "), []],
  ])("tell that a delegate %s", (_, second, want) => {
    const made = world(root("{ delegate: { name: d, namespace: shop } }"), ...(second === "" ? [] : [second]));
    expect(verdicts(made)).toEqual(want);
    expect(routes(made)).toHaveLength(want.length === 0 ? 1 : 0);
  });

  it("tell both which rules are left out", () => {
    const made = world(
      root("{ match: [{ uri: { prefix: /a } }], delegate: { name: d, namespace: shop } }"),
      delegate(`{ match: [{ uri: { prefix: /b } }], ${to("cart")} }, { ${to("cart")} }`),
    );
    expect(verdicts(made)).toEqual(["warning TULLE0204 spec.http[0].delegate", "warning TULLE0204 spec.http[0].match"]);
  });

  it("tell of more match blocks than are joined, and join none of them", () => {
    const blocks = (count: number): string =>
      Array.from({ length: count }, (_, at) => `{ uri: { exact: /${at} } }`).join(", ");
    const made = world(
      root(
        `{ match: [${blocks(400)}], delegate: { name: d, namespace: shop } }, { delegate: { name: d, namespace: shop } }`,
      ),
      delegate(`{ match: [${blocks(400)}], ${to("cart")} }`),
    );
    expect(verdicts(made)).toEqual(["warning TULLE0204 spec.http[0].delegate"]);
    expect(routes(made)).toMatchObject([{ name: "default/root/1-0" }]);
  });

  it("tell of a delegate that nobody names", () => {
    expect(verdicts(world(delegate(`{ ${to("cart")} }`)))).toEqual(["info TULLE0501 spec.hosts"]);
  });
});
