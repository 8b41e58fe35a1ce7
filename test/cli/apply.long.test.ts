import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Asked, type FakeControl, refused, startFakeControl } from "./fake-control.ts";
import { folderFor, tulle, write } from "./tulle.ts";

interface Sent {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

let control: FakeControl;
let folder: string;

beforeAll(async () => {
  control = await startFakeControl();
});
afterAll(async () => control.close());

beforeEach(() => {
  folder = folderFor(control.url);
  control.asked.length = 0;
  control.routes = { "POST /api/v1/apply": applied };
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Everything is created, each part makes a generation. */
function applied(asked: Asked) {
  const results = documentsOf(asked).map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
    apiVersion,
    kind,
    name,
    namespace: kind === "Namespace" ? "" : (namespace ?? "default"),
    action: "created",
    warnings: name === "odd" ? ["metadata.name: is odd [TULLE0002]", "spec.hosts: matches nothing", "is odd"] : [],
  }));
  return { body: { generation: 40 + control.asked.length, results } };
}

function documentsOf({ body }: Asked): readonly Sent[] {
  return JSON.parse(body) as readonly Sent[];
}

function sentNames(): readonly (readonly string[])[] {
  return control.asked.map((asked) => documentsOf(asked).map(({ metadata }) => metadata.name));
}

const service = (name: string, namespace?: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}${namespace === undefined ? "" : `, namespace: ${namespace}`} }\n`;
const route = (name: string): string =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ${name}\n`;
const stream = (...documents: readonly string[]): string => documents.join("---\n");

describe("tulle apply", () => {
  it("sends all documents at once and tells what became of each", async () => {
    write(folder, "a.yaml", stream(route("reviews"), service("odd", "shop")));
    write(folder, "b.json", JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }));
    const { code, stdout, stderr } = await tulle(folder, ["apply", "-f", "a.yaml", "-f", "b.json"]);
    expect(stdout).toBe(
      "namespace/shop created\nvirtualservice.networking.istio.io/reviews created\nservice/odd created (namespace shop)\n",
    );
    expect(stderr).toBe(
      "warning: a.yaml:8: Service `odd`: metadata.name: is odd [TULLE0002]\nwarning: a.yaml:6: Service `odd`: spec.hosts: matches nothing\nwarning: a.yaml:6: Service `odd`: is odd\n",
    );
    expect(code).toBe(0);
    expect(control.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /api/v1/apply?fieldManager=tulle-cli",
    ]);
    expect(control.asked[0]?.headers).toMatchObject({ "content-type": "application/json" });
    expect(control.asked[0]?.headers["if-match"]).toBeUndefined();
  });

  it("passes on --dry-run, --field-manager and --if-generation", async () => {
    write(folder, "a.yaml", route("reviews"));
    const args = ["apply", "-f", "a.yaml", "--dry-run", "--field-manager", "ci", "--if-generation", "12"];
    expect((await tulle(folder, args)).stdout).toBe("virtualservice.networking.istio.io/reviews created (dry run)\n");
    expect(control.asked[0]?.path).toBe("/api/v1/apply?fieldManager=ci&dryRun=All");
    expect(control.asked[0]?.headers["if-match"]).toBe('"12"');
  });

  it("--wait asks until the gateways in use have it; a dry run waits for nothing", async () => {
    const at = (have: number) => ({
      gateway: "a",
      generation: 41,
      have,
      format: 1,
      bindings: [],
      problem: null,
    });
    const states = [at(40), at(41)];
    control.routes = {
      "POST /api/v1/apply": applied,
      "GET /api/v1/status": () => {
        // Seen when control is asked, however long the command takes till then.
        const seen = { ...(states.length > 1 ? states.shift() : states[0]), seenAt: new Date().toISOString() };
        return { body: { generation: 41, resourceVersion: "9", gateways: [seen] } };
      },
    };
    write(folder, "a.yaml", route("a"));
    expect((await tulle(folder, ["apply", "-f", "a.yaml", "--wait"])).code).toBe(0);
    expect(control.asked.map(({ method }) => method)).toEqual(["POST", "GET", "GET"]);

    states.splice(0, 2, at(40));
    const waited = await tulle(folder, ["apply", "-f", "a.yaml", "--wait", "1"]);
    expect(waited.code).toBe(1);
    expect(waited.stdout).toContain("virtualservice.networking.istio.io/a created");
    expect(waited.stderr).toContain("not current after 1 s: `a`: behind by 1");

    control.asked.length = 0;
    expect((await tulle(folder, ["apply", "-f", "a.yaml", "--wait", "--dry-run"])).code).toBe(0);
    expect(control.asked.map(({ method }) => method)).toEqual(["POST"]);
  });

  it("reads stdin, as YAML or JSON", async () => {
    expect((await tulle(folder, ["apply", "-f", "-"], { stdin: service("a") })).code).toBe(0);
    const json = JSON.stringify([
      { apiVersion: "x", kind: "x", metadata: { name: "b" } },
      { apiVersion: "x", kind: "x", metadata: { name: "c" } },
    ]);
    expect((await tulle(folder, ["apply", "-f", "-"], { stdin: json })).code).toBe(0);
    expect(sentNames()).toEqual([["a"], ["b", "c"]]);
  });

  it("reads the files of a folder in order, those below only with -R", async () => {
    write(folder, "dir/b.yml", service("b"));
    write(folder, "dir/a.yaml", service("a"));
    write(folder, "dir/README.md", "no manifest");
    write(folder, "dir/sub/c.json", JSON.stringify({ apiVersion: "x", kind: "x", metadata: { name: "c" } }));
    symlinkSync(join(folder, "dir"), join(folder, "dir/sub/around"));
    await tulle(folder, ["apply", "-f", "dir"]);
    await tulle(folder, ["apply", "-Rf", "dir"]);
    expect(sentNames()).toEqual([
      ["a", "b"],
      ["a", "b", "c"],
    ]);
  });

  it("prints JSON and YAML", async () => {
    write(folder, "a.yaml", service("a"));
    const json = await tulle(folder, ["apply", "-f", "a.yaml", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ generation: 41, results: [{ name: "a", action: "created" }] });
    const yaml = await tulle(folder, ["-o", "yaml", "apply", "-f", "a.yaml"]);
    expect(yaml.stdout).toContain("generation: 42\nresults:\n  - apiVersion: v1\n");
  });

  it("colours only where colour is wanted", async () => {
    write(folder, "a.yaml", service("a"));
    const run = async (args: readonly string[], env: Readonly<Record<string, string>>) =>
      (await tulle(folder, ["apply", "-f", "a.yaml", ...args], { env })).stdout;
    const coloured = "service/a \u001b[32mcreated\u001b[39m\n";
    expect(await run([], { FORCE_COLOR: "1" })).toBe(coloured);
    expect(await run([], {})).toBe("service/a created\n");
    expect(await run([], { NO_COLOR: "1" })).toBe("service/a created\n");
    expect(await run(["--no-color"], { FORCE_COLOR: "1" })).toBe("service/a created\n");
  });
});

describe("the namespace of tulle apply", () => {
  const mixed = stream(
    service("none"),
    service("empty", '""'),
    service("other", "other"),
    "apiVersion: v1\nkind: Namespace\nmetadata: { name: own }\n",
    "apiVersion: x\nkind: Odd\nmetadata: { name: odd }\n",
  );
  const namespaces = () =>
    Object.fromEntries(
      documentsOf(control.asked[0] as Asked).map(({ metadata }) => [metadata.name, metadata.namespace]),
    );

  it("is the context's for namespaced objects that name none", async () => {
    const own = folderFor(control.url, "team");
    await tulle(own, ["apply", "-f", "-"], { stdin: mixed });
    expect(namespaces()).toEqual({ none: "team", empty: "team", other: "other", own: undefined, odd: undefined });
    rmSync(own, { recursive: true });
  });

  it("is that of -n, and an object that names another is refused with its place", async () => {
    const { code, stderr } = await tulle(folder, ["apply", "-f", "-", "-n", "shop"], { stdin: mixed });
    expect(code).toBe(1);
    expect(stderr).toContain("stdin:9: its namespace is `other`, but `-n shop` was asked for");
    expect(control.asked).toEqual([]);
    const stdin = stream(service("none"), service("same", "shop"));
    expect((await tulle(folder, ["apply", "-f", "-", "-n", "shop"], { stdin })).code).toBe(0);
    expect(namespaces()).toEqual({ none: "shop", same: "shop" });
  });
});

describe("what tulle apply refuses before anything is sent", () => {
  it("tells every file's syntax error with its line", async () => {
    write(folder, "good.yaml", service("a"));
    write(folder, "twice.yaml", `${service("a")}---\nkind: x\nkind: y\n`);
    write(folder, "cut.json", '{\n "kind": ');
    const { code, stdout, stderr } = await tulle(folder, [
      "apply",
      "-f",
      "good.yaml",
      "-f",
      "twice.yaml",
      "-f",
      "cut.json",
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      "error: nothing was sent\ntwice.yaml:6: `kind` is there twice\ncut.json:2: no JSON from here on\n",
    );
    expect(control.asked).toEqual([]);
  });

  it.each([
    { name: "a missing file", args: ["-f", "missing.yaml"], says: "there is no file `missing.yaml`", code: 1 },
    { name: "a URL", args: ["-f", "https://a.example/b.yaml"], says: "pipe it to `-f -`", code: 1 },
    { name: "a folder without manifests", args: ["-f", "empty"], says: "-R looks into the folders in it", code: 1 },
    { name: "an empty stream", args: ["-f", "-"], stdin: "---\n", says: "there is no document in `-`", code: 1 },
    {
      name: "a number that JSON has not",
      args: ["-f", "-"],
      stdin: "kind: x\na: .inf\n",
      says: "stdin:1: `.inf`",
      code: 1,
    },
    {
      name: "bytes that are no text",
      args: ["-f", "-"],
      stdin: Buffer.from([0xff]),
      says: "`stdin` is not UTF-8",
      code: 1,
    },
    { name: "stdin twice", args: ["-f", "-", "-f", "-"], says: "reads stdin, once", code: 2 },
    { name: "no file", args: [], says: "required option `-f, --filename <file>` not specified", code: 2 },
    { name: "an odd generation", args: ["-f", "-", "--if-generation", "-1"], says: "Give a whole number", code: 2 },
    { name: "an odd namespace", args: ["-f", "-", "-n", "A/B"], says: "lower-case letters", code: 2 },
  ])("$name", async ({ args, stdin = "", says, code }) => {
    mkdirSync(join(folder, "empty/sub"), { recursive: true });
    const ended = await tulle(folder, ["apply", ...args], { stdin });
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(control.asked).toEqual([]);
  });
});

describe("what control refuses of tulle apply", () => {
  it("is told per document, with its place in the files and the field", async () => {
    write(folder, "a.yaml", stream(service("good"), route("bad"), route("mine")));
    control.routes = {
      "POST /api/v1/apply": () => {
        const { body, status } = refused("Invalid", "nothing was stored: line 1: …");
        const causes = [
          { reason: "FieldValueInvalid", field: "spec.hosts", message: "must not be empty" },
          { reason: "FieldValueInvalid", field: "metadata.name", message: "is taken" },
          { reason: "FieldValueInvalid", field: "", message: "has no spec" },
        ];
        const results = [
          { kind: "Service", line: 1 },
          { kind: "VirtualService", line: 1, status: { message: "is invalid", details: { causes } } },
          { kind: "VirtualService", line: 1, status: { message: 'User "ci" cannot update it' } },
        ];
        return { status: status ?? 422, body: { ...(body as object), results } };
      },
    };
    const { code, stdout, stderr } = await tulle(folder, ["apply", "-f", "a.yaml"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      "error: nothing was stored: 2 of 3 documents refused",
      "a.yaml:5: VirtualService `bad`: spec.hosts: must not be empty",
      "a.yaml:8: VirtualService `bad`: metadata.name: is taken",
      "a.yaml:5: VirtualService `bad`: has no spec",
      'a.yaml:10: VirtualService `mine`: User "ci" cannot update it',
      "",
    ]);
  });

  it("is a mesh that has moved on, with --if-generation", async () => {
    control.routes = { "POST /api/v1/apply": () => ({ status: 412, body: { kind: "Status", message: "no" } }) };
    const { code, stderr } = await tulle(folder, ["apply", "-f", "-", "--if-generation", "3"], { stdin: service("a") });
    expect(code).toBe(1);
    expect(stderr).toContain("no longer at generation 3; look at `tulle revisions`");
  });

  it("is anything else, in its own words", async () => {
    control.routes = { "POST /api/v1/apply": () => refused("BadRequest", "dryRun: `x` is not `All`") };
    const { code, stderr } = await tulle(folder, ["apply", "-f", "-"], { stdin: service("a") });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "error: dryRun: `x` is not `All`\n" });
  });
});

describe("tulle apply in parts", () => {
  const names = Array.from({ length: 1_001 }, (_, index) => `s${index}`);
  const many = stream(
    ...names.map((name) => service(name)),
    "apiVersion: v1\nkind: Namespace\nmetadata: { name: own }\n",
  );

  it("sends Namespaces first and at most 500 documents at once, each part at the generation of the one before", async () => {
    write(folder, "many.yaml", many);
    const { code, stdout, stderr } = await tulle(folder, ["apply", "-f", "many.yaml", "--if-generation", "40"]);
    expect(code).toBe(0);
    expect(sentNames()).toEqual([["own", ...names.slice(0, 499)], names.slice(499, 999), names.slice(999)]);
    expect(control.asked.map(({ headers }) => headers["if-match"])).toEqual(['"40"', '"41"', '"42"']);
    expect(stdout.split("\n")).toHaveLength(1_003);
    expect(stderr.split("\n")).toEqual([
      "part 1 of 3: 500 of 1002 documents",
      "part 2 of 3: 500 of 1002 documents",
      "part 3 of 3: 2 of 1002 documents",
      "applied 1002 documents in 3 parts; the mesh is at generation 43",
      "",
    ]);
  });

  it("sends at most 1 MiB at once", async () => {
    const wide = (name: string): string => `${service(name)}x: ${"ü".repeat(300_000)}\n`;
    const { code } = await tulle(folder, ["apply", "-f", "-"], { stdin: stream(wide("a"), wide("b"), wide("c")) });
    expect(code).toBe(0);
    expect(sentNames()).toEqual([["a"], ["b"], ["c"]]);
    expect(Math.max(...control.asked.map(({ body }) => Buffer.byteLength(body)))).toBeLessThanOrEqual(1_048_576);
  });

  it("keeps the lines of a large stream", async () => {
    const { code, stderr } = await tulle(folder, ["apply", "-f", "-"], { stdin: `${many}---\nkind: a\nkind: b\n` });
    expect(code).toBe(1);
    expect(stderr).toContain("stdin:4010: `kind` is there twice");
  });

  it("stops at the first part that is refused and says what is in", async () => {
    write(folder, "many.yaml", many);
    const [answer] = [refused("Forbidden", "not yours")];
    control.routes = { "POST /api/v1/apply": (asked) => (control.asked.length === 2 ? answer : applied(asked)) };
    const { code, stdout, stderr } = await tulle(folder, ["apply", "-f", "many.yaml", "-o", "json"]);
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as { results: unknown[] }).results).toHaveLength(500);
    expect(stderr.split("\n").slice(2)).toEqual([
      "error: part 2 of 3: forbidden: not yours",
      "stored: many.yaml:4005 to many.yaml:1993 (500 documents)",
      "not stored: many.yaml:1997 to many.yaml:3993 (500 documents)",
      "not sent: many.yaml:3997 to many.yaml:4001 (2 documents)",
      "",
    ]);
  });

  it("does not claim that a part without an answer is not in", async () => {
    control.routes = { "POST /api/v1/apply": (asked) => (control.asked.length === 2 ? null : applied(asked)) };
    const { code, stderr } = await tulle(folder, ["apply", "-f", "-"], { stdin: many });
    expect(code).toBe(1);
    expect(stderr).toContain("\nnot known to be stored: stdin:1997 ");
  });
});
