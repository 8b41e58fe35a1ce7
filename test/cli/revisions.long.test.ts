import { beforeEach, describe, expect, it } from "vitest";
import { refused, useFakeControl } from "./fake-control.ts";
import { tulle } from "./tulle.ts";

const control = useFakeControl();
beforeEach(() => {
  control.asked.length = 0;
});

const paths = (): readonly string[] => control.asked.map(({ method, path }) => `${method} ${path}`);

describe("tulle revisions", () => {
  const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
  const revisions = [
    { generation: 9, at: ago(7_205_000), actor: "admin", verb: "apply", changes: 3 },
    { generation: 8, at: ago(90_005_000), actor: "ci", verb: "rollback", changes: 12 },
  ];

  it("prints the newest, and how to see older ones", async () => {
    control.routes = { "GET /api/v1/revisions": () => ({ body: { revisions, oldest: 1 } }) };
    const { code, stdout, stderr } = await tulle(control.folder, ["revisions"]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "GENERATION   AGE    ACTOR   VERB       CHANGES",
      "9            2h     admin   apply      3",
      "8            1d1h   ci      rollback   12",
      "",
    ]);
    expect(stderr).toBe("older ones: tulle revisions --before 8\n");
    expect(paths()).toEqual(["GET /api/v1/revisions?limit=20"]);
  });

  it("passes on --limit and --before, and prints JSON", async () => {
    control.routes = { "GET /api/v1/revisions": () => ({ body: { revisions, oldest: 8 } }) };
    const { stdout, stderr } = await tulle(control.folder, [
      "revisions",
      "--limit",
      "2",
      "--before",
      "10",
      "-o",
      "json",
    ]);
    expect(JSON.parse(stdout)).toEqual({ revisions, oldest: 8 });
    expect(stderr).toBe("");
    expect(paths()).toEqual(["GET /api/v1/revisions?limit=2&before=10"]);
  });

  it("shows what one changed", async () => {
    const at = "2026-03-01T10:00:00Z";
    const changes = [
      { type: "ADDED", group: "", kind: "Namespace", namespace: "", name: "shop" },
      { type: "DELETED", group: "networking.istio.io", kind: "VirtualService", namespace: "shop", name: "cart" },
    ];
    control.routes = {
      "GET /api/v1/revisions/9": () => ({ body: { generation: 9, at, actor: "admin", verb: "apply", changes } }),
    };
    const { code, stdout } = await tulle(control.folder, ["revisions", "show", "9"]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "generation   9",
      "at           2026-03-01T10:00:00Z",
      "actor        admin",
      "verb         apply",
      "",
      "CHANGE    OBJECT                                    NAMESPACE",
      "ADDED     namespace/shop                            -",
      "DELETED   virtualservice.networking.istio.io/cart   shop",
      "",
    ]);
  });

  it.each([
    { args: ["revisions", "show", "nine"], says: "Give a whole number", code: 2 },
    { args: ["revisions", "--limit", "0"], says: "Give a whole number from 1", code: 2 },
    { args: ["revisions", "show"], says: "missing required argument `generation`", code: 2 },
    { args: ["revisions", "shw"], says: "too many arguments", code: 2 },
    { args: ["revisions", "show", "3"], says: "error: generation `3` is no longer kept", code: 1 },
  ])("refuses $args", async ({ args, says, code }) => {
    control.routes = { "GET /api/v1/revisions/3": () => refused("NotFound", "generation `3` is no longer kept") };
    const ended = await tulle(control.folder, args);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(says);
  });
});

describe("tulle rollback", () => {
  const object = { apiVersion: "networking.istio.io/v1", kind: "VirtualService", namespace: "default" };
  const results = [
    { ...object, name: "a", action: "configured" },
    { ...object, name: "b", action: "unchanged" },
    { ...object, name: "c", namespace: "shop", action: "deleted" },
  ];

  it("tells what changed and the new generation", async () => {
    control.routes = { "POST /api/v1/rollback": () => ({ body: { generation: 13, results } }) };
    const { code, stdout, stderr } = await tulle(control.folder, ["rollback", "9"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      "virtualservice.networking.istio.io/a configured\nvirtualservice.networking.istio.io/c deleted (namespace shop)\nrolled back to 9 as generation 13\n",
    );
    expect(control.asked[0]).toMatchObject({ path: "/api/v1/rollback", body: '{"generation":9}' });
  });

  it("only says what would change with --dry-run", async () => {
    control.routes = { "POST /api/v1/rollback": () => ({ body: { generation: 12, results } }) };
    const { code, stdout, stderr } = await tulle(control.folder, ["rollback", "9", "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toContain("virtualservice.networking.istio.io/a configured (dry run)\n");
    expect(stdout).not.toContain("rolled back");
    expect(stderr).toBe("2 objects would change; nothing was stored\n");
    expect(paths()).toEqual(["POST /api/v1/rollback?dryRun=All"]);
  });

  it("counts one object as one", async () => {
    control.routes = { "POST /api/v1/rollback": () => ({ body: { generation: 12, results: results.slice(0, 1) } }) };
    const { stderr } = await tulle(control.folder, ["rollback", "9", "--dry-run"]);
    expect(stderr).toBe("1 object would change; nothing was stored\n");
  });

  it("tells every cause of a refusal", async () => {
    const causes = [
      { reason: "FieldValueInvalid", field: "spec.hosts", message: "is taken" },
      { reason: "FieldValueInvalid", field: "", message: "is too large" },
    ];
    control.routes = { "POST /api/v1/rollback": () => refused("Invalid", "generation `9` does not fit", { causes }) };
    const { code, stderr } = await tulle(control.folder, ["rollback", "9"]);
    expect(code).toBe(1);
    expect(stderr).toBe("error: generation `9` does not fit\n  spec.hosts: is taken\n  is too large\n");
  });
});
