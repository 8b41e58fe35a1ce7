import { describe, expect, it } from "vitest";
import { patternCostOf } from "../../src/compile/pattern-cost.ts";
import { programsOf } from "../../src/compile/programs.ts";
import { tooManyPrograms } from "../../src/compile/istio/telemetry-size.ts";
import { arePrograms } from "../../src/match/program.ts";
import { templatePattern } from "../../src/match/string-match.ts";
import { measure } from "../../src/match/regex-cost.ts";
import { service, TestWorld } from "./world.ts";

const policy = (paths: readonly string[]): string =>
  JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "p", namespace: "default" },
    spec: { action: "DENY", rules: [{ to: [{ operation: { paths } }] }] },
  });

describe("a path template", () => {
  it("is refused where it is longer than any expression may be, with the reason", () => {
    const said = (length: number) =>
      new TestWorld().apply([service("orders"), policy([`/${"a".repeat(length)}/{*}`])].join("\n---\n"));
    expect(said(1_000)).toEqual([]);
    expect(() => said(1_100)).toThrow("the path template is longer than 1024 characters");
  });

  it("counts in what the patterns of a host cost", () => {
    const world = new TestWorld();
    const templates = ["/a/{*}", "/b/{**}"];
    world.apply([service("orders"), policy(templates)].join("\n---\n"));
    const slice = world.compiler
      .scopes({ fronts: ["*"], gateways: [] })
      .get("mesh/*")
      ?.get("orders.default.svc.cluster.local");
    const cost = templates.reduce((sum, template) => sum + measure(templatePattern(template)).cost, 0);
    expect(slice && patternCostOf(slice)).toBe(cost);
    expect(cost).toBeGreaterThan(10);
  });
});

describe("the program of a pattern that gateways would not take", () => {
  it("is left out, so that its match alone fails", () => {
    const programs = programsOf([
      { kind: "template", value: `/${"a".repeat(4_200)}/{*}` },
      { kind: "regex", value: "a+" },
    ]);
    expect(Object.keys(programs?.code ?? {})).toEqual(["a+"]);
    expect(arePrograms(programs)).toBe(true);
  });
});

describe("the patterns of a namespace's Telemetry", () => {
  const telemetry = (namespace: string, count: number): string => {
    const tagOverrides = Object.fromEntries(
      Array.from({ length: count }, (_, tag) => {
        const classes = Array.from({ length: 20 }, (_, at) => `[^\\pL${String.fromCodePoint(0x2190 + tag * 20 + at)}]`);
        return [
          `t${tag}`,
          { operation: "UPSERT", value: `request.url_path.matches(r'${classes.join("")}') ? 'a' : 'b'` },
        ];
      }),
    );
    return JSON.stringify({
      apiVersion: "telemetry.istio.io/v1",
      kind: "Telemetry",
      metadata: { name: "t", namespace },
      spec: { metrics: [{ providers: [{ name: "prometheus" }], overrides: [{ tagOverrides }] }] },
    });
  };
  const judged = (namespace: string, count: number) => {
    const world = new TestWorld();
    world.apply([service("orders", { namespace: "shop" }), telemetry(namespace, count)].join("\n---\n"));
    return world.compiler.telemetry && (tooManyPrograms(world.compiler.telemetry)[0] ?? null);
  };

  it("are bounded, for they stand in the configuration of every gateway", () => {
    expect(judged("shop", 1)).toBeNull();
    expect(judged("shop", 4)).toMatchObject({ namespace: "shop", limit: 256 * 1024 });
  });

  it("are bounded where they hold for the whole mesh, at more", () => {
    expect(judged("istio-system", 4)).toBeNull();
    expect(judged("istio-system", 17)).toMatchObject({ namespace: null, limit: 1024 * 1024 });
  });
});
