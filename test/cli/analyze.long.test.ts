import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { analyzeFiles } from "../../cli/tulle/analyze-files.ts";
import { positionsIn } from "../../cli/tulle/positions.ts";
import { sarif } from "../../cli/tulle/sarif.ts";
import { type FakeControl, startFakeControl } from "./fake-control.ts";
import { folderFor, tulle, write } from "./tulle.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-analyze-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Named as a Service of its namespace would be, and with an endpoint. */
const SERVICE = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: reviews }
spec:
  { hosts: [reviews.default.svc.cluster.local], ports: [{ name: http, number: 9080, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: "binding:EP_A" }] }
`;

/** Its second rule is dead. */
const DEAD = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
    - route: [{ destination: { host: reviews } }]
    - match: [{ uri: { prefix: /v2 } }]
      route: [{ destination: { host: reviews } }]
`;
const WRONG = DEAD.replace("hosts: [reviews]", "hots: [reviews]");
const LOST = DEAD.replaceAll("host: reviews", "host: rewievs");

async function told(...names: readonly string[]): Promise<readonly string[]> {
  const files = names.map((name) => join(folder, name));
  const { findings } = await analyzeFiles(files, true, "default");
  return findings.map(({ code, object, place }) => {
    const file = place?.file.slice(folder.length + 1);
    return `${file}:${place?.line}:${place?.column} ${object?.kind ?? ""}/${object?.name ?? ""} ${code}`;
  });
}

describe("tulle analyze", () => {
  it("tells findings with file, line and column, and needs no mesh", async () => {
    write(folder, "mesh/a.yaml", `${SERVICE}---\n${DEAD}`);
    const ended = await tulle(folder, ["analyze", "-f", "mesh", "-o", "text"]);
    expect(ended).toEqual({
      code: 0,
      stdout:
        "mesh/a.yaml:15:7: warning: VirtualService default/reviews: spec.http[1]: never reached: `http[0]` before it matches every request [TULLE0201]\n",
      stderr: "0 errors, 1 warning, 0 infos in 2 objects\n",
    });
  });

  it("ends with 1 where a finding is as grave as was asked for, and with 0 where it is silenced", async () => {
    const args = ["analyze", "-f", "-", "-o", "json"];
    const stdin = `${SERVICE}---\n${DEAD}`;
    const failing = await tulle(folder, [...args, "--fail-on", "warning"], { stdin });
    expect(failing.code).toBe(1);
    expect(failing.stderr).toContain("error: there are findings of severity error or warning\n");
    expect(JSON.parse(failing.stdout)).toMatchObject({
      objects: 2,
      findings: [{ code: "TULLE0201", name: "DeadRule", place: { file: "stdin", line: 15, column: 7 } }],
    });
    const silenced = await tulle(folder, [...args, "--fail-on", "info", "--suppress", "IST0130"], { stdin });
    expect(silenced).toMatchObject({ code: 0, stderr: "0 errors, 0 warnings, 0 infos in 2 objects\n" });
    const refused = await tulle(folder, [...args, "--suppress", "TULLE0001,*"], { stdin: WRONG });
    expect(refused.code).toBe(1);
    expect((await tulle(folder, [...args, "--fail-on", "never"], { stdin: WRONG })).code).toBe(0);
  });

  it.each([
    { args: ["analyze", "-R"], says: "`-R` is for the folders of `-f`" },
    { args: ["analyze", "-f", "a.yaml", "--suppress", "TULLE9999"], says: "There is no code `TULLE9999`" },
    { args: ["analyze", "-f", "a.yaml", "--fail-on", "fatal"], says: "error, warning, info, never" },
    { args: ["version", "-o", "sarif"], says: "`-o sarif` is for `tulle analyze`" },
    { args: ["status", "-o", "text"], says: "`-o text` is for `tulle analyze`" },
  ])("refuses $args", async ({ args, says }) => {
    const ended = await tulle(folder, args);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(says);
  });

  it("prints SARIF", async () => {
    write(folder, "a b.yaml", WRONG);
    const { code, stdout } = await tulle(folder, ["analyze", "-f", "a b.yaml", "-o", "sarif"]);
    expect(code).toBe(1);
    const log = Sarif.parse(JSON.parse(stdout));
    const uris = log.runs[0]?.results.map(({ locations }) => locations[0]?.physicalLocation?.artifactLocation.uri);
    expect(new Set(uris)).toEqual(new Set(["a%20b.yaml"]));
  });
});

describe("the analysis of files", () => {
  it("knows the objects of all files, in whatever order they are given", async () => {
    write(folder, "1.yaml", DEAD);
    write(folder, "2/service.yaml", SERVICE);
    expect(await told("")).toEqual(["1.yaml:9:7 VirtualService/reviews TULLE0201"]);
    expect(await told("1.yaml")).toContain("1.yaml:8:17 VirtualService/reviews TULLE0102");
  });

  it("tells all that is wrong at once: syntax, fields and what an object is among the others", async () => {
    write(folder, "1.yaml", "a: 1\na: 2\n");
    write(folder, "2.yaml", `${SERVICE}---\n${WRONG}`);
    write(folder, "3.yaml", LOST);
    expect(await told("1.yaml", "2.yaml", "3.yaml")).toEqual([
      "1.yaml:2:1 / TULLE0001",
      "2.yaml:12:3 VirtualService/reviews TULLE0001",
      "3.yaml:9:7 VirtualService/reviews TULLE0201",
      "3.yaml:8:17 VirtualService/reviews TULLE0102",
      "3.yaml:10:17 VirtualService/reviews TULLE0102",
    ]);
  });

  it("takes the last of two objects of one name, and says so of the first", async () => {
    write(folder, "1.yaml", `${SERVICE}---\n${LOST}---\n${DEAD.replace(/ {4}- match[^]*/, "")}`);
    expect(await told("1.yaml")).toEqual([
      "1.yaml:15:7 VirtualService/reviews TULLE0201",
      "1.yaml:10:3 VirtualService/reviews TULLE0307",
    ]);
  });

  it("says where the object that holds stands", async () => {
    write(folder, "1.yaml", LOST);
    write(folder, "2.yaml", `${SERVICE}---\n${LOST}`);
    const { stdout } = await tulle(folder, ["analyze", "-f", "1.yaml", "-f", "2.yaml"]);
    expect(stdout).toMatch(/1\.yaml:\d+:\d+: .*the same object is there once more, in 2\.yaml:\d+, and the later one/);
  });

  it("tells two VirtualServices of one host apart", async () => {
    const one = DEAD.replace(/ {4}- match[^]*/, "");
    write(folder, "1.yaml", `${SERVICE}---\n${one}---\n${one.replace("name: reviews", "name: second")}`);
    expect(await told("1.yaml")).toEqual(["1.yaml:21:11 VirtualService/second TULLE0301"]);
  });

  it("leaves out what is no object in a folder, says so, and refuses it where it was asked for", async () => {
    write(folder, "mesh/1.yaml", SERVICE);
    write(folder, "mesh/package.json", '{"name": "a"}');
    const { objects, others, findings } = await analyzeFiles([join(folder, "mesh")], false, "default");
    expect([objects, findings, others]).toEqual([1, [], [join(folder, "mesh/package.json")]]);
    expect(await told("mesh/package.json")).toContain("mesh/package.json:1:1 / TULLE0001");
  });

  const ENTRY = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a }
spec: { address: 10.0.0.1 }
`;
  it("asks for the mesh's settings only where they are among the files", async () => {
    write(folder, "1.yaml", ENTRY);
    expect(await told("1.yaml")).toEqual([]);
    const settings = `apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: { trustDomain: shop.example }
`;
    write(folder, "2.yaml", settings);
    expect(await told("1.yaml", "2.yaml")).toEqual(["1.yaml:4:9 WorkloadEntry/a TULLE0111"]);
  });

  it("takes endpoints for allowed where the mesh's settings are not among the files: what leads there is served", async () => {
    const outside = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside }
spec: { hosts: [api.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside }
spec: { hosts: [api.example.com], http: [{ timeout: 3s, route: [{ destination: { host: api.example.com } }] }] }
`;
    write(folder, "1.yaml", outside);
    expect(await told("1.yaml")).toEqual([]);
  });

  it("reads the objects of a List and of JSON", async () => {
    const value = { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: { name: "a" } };
    const rules = [
      { ...value, spec: { host: "x" } },
      { ...value, metadata: { name: "b" }, spec: { host: "y" } },
    ];
    write(folder, "1.json", JSON.stringify(rules, null, "\t"));
    const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: rules });
    write(folder, "2.json", list);
    expect(await told("1.json")).toEqual([
      "1.json:9:4 DestinationRule/a TULLE0105",
      "1.json:19:4 DestinationRule/b TULLE0105",
    ]);
    const { findings } = await analyzeFiles([join(folder, "2.json")], false, "shop");
    expect(findings.map(({ object, place }) => [object?.namespace, object?.name, place?.column])).toEqual([
      ["shop", "a", list.indexOf(`"host":"x"`) + 1],
      ["shop", "b", list.indexOf(`"host":"y"`) + 1],
    ]);
  });
});

describe("the position of a field", () => {
  const TEXT = `# head
kind: A
spec:
  http:
    - match:
        - headers:
            x-user: { exact: a }
            "8080": { exact: b }
---
---
- no object
---
kind: BList
items: [{ kind: B, spec: 1 }]
`;
  const positionOf = positionsIn(TEXT, false);
  it.each([
    [0, "spec", "3:1"],
    [0, "spec.http[0].match[0].headers[x-user].exact", "7:23"],
    [0, "spec.http[0].match[0].headers[8080]", "8:13"],
    [0, "spec.http[0].match[0].headers[x-group]", "6:11"],
    [0, "spec.http[7]", "4:3"],
    [0, "metadata.name", "2:1"],
    [0, "", "2:1"],
    [1, "", "11:1"],
    [2, "spec", "14:20"],
    [2, "spec.hosts[0]", "14:20"],
  ])("of object %i, %s, is %s", (object, field, wanted) => {
    const { line, column } = positionOf(object, field);
    expect(`${line}:${column}`).toBe(wanted);
  });
});

const FOUND = {
  code: "TULLE0002",
  name: "Remark",
  severity: "warning",
  istio: ["IST0133"],
  field: "",
  message: "m",
} as const;

describe("tulle analyze without files", () => {
  let control: FakeControl;
  beforeAll(async () => {
    control = await startFakeControl();
  });
  afterAll(async () => control.close());

  it("asks the mesh, of one namespace where that is asked for", async () => {
    const place = folderFor(control.url);
    const object = { apiVersion: "v1", kind: "Service", namespace: "shop", name: "a" };
    control.routes = {
      "GET /api/v1/findings": () => ({ body: { generation: 7, objects: 3, findings: [{ ...FOUND, object }] } }),
    };
    expect(await tulle(place, ["analyze"])).toEqual({
      code: 0,
      stdout: "warning: Service shop/a: m [TULLE0002]\n",
      stderr: "0 errors, 1 warning, 0 infos in 3 objects\n",
    });
    expect((await tulle(place, ["analyze", "-n", "shop", "--suppress", "ist0133"])).stdout).toBe("");
    expect(control.asked.map(({ path }) => path)).toEqual(["/api/v1/findings", "/api/v1/findings?namespace=shop"]);
    rmSync(place, { recursive: true });
  });

  it("tells what a newer mesh says, though it does not know the code", async () => {
    const place = folderFor(control.url);
    const object = { apiVersion: "v1", kind: "Pod", namespace: "", name: "a" };
    const newer = { ...FOUND, code: "TULLE9000", name: "Newer", istio: [], object };
    control.routes = { "GET /api/v1/findings": () => ({ body: { generation: 7, objects: 1, findings: [newer] } }) };
    expect((await tulle(place, ["analyze"])).stdout).toBe("warning: Pod a: m [TULLE9000]\n");
    const { stdout } = await tulle(place, ["analyze", "-o", "sarif"]);
    expect(Sarif.parse(JSON.parse(stdout)).runs[0]?.results[0]).toMatchObject({ ruleId: "TULLE9000" });
    rmSync(place, { recursive: true });
  });
});

describe("SARIF", () => {
  it("has a rule for each result, of the same level", async () => {
    write(folder, "1.yaml", `${WRONG}---\n${LOST}`);
    const { findings } = await analyzeFiles([join(folder, "1.yaml")], false, "default");
    const { runs } = Sarif.parse(sarif(findings));
    const [{ results, tool } = { results: [], tool: { driver: { rules: [] } } }] = runs;
    expect(results.length).toBe(findings.length);
    for (const { ruleId, ruleIndex, level } of results) {
      expect(tool.driver.rules[ruleIndex ?? -1]?.id).toBe(ruleId);
      expect(tool.driver.rules[ruleIndex ?? -1]?.defaultConfiguration.level).toBe(level);
    }
    expect(new Set(results.map(({ level }) => level))).toEqual(new Set(["error", "warning"]));
  });

  it("has no file where there is none", () => {
    const object = { apiVersion: "v1", kind: "Service", namespace: "shop", name: "a" };
    const { runs } = Sarif.parse(sarif([{ ...FOUND, object, place: null }]));
    expect(runs[0]?.results[0]?.ruleIndex).toBe(1);
    expect(runs[0]?.results[0]?.locations).toEqual([
      { logicalLocations: [{ fullyQualifiedName: "Service/shop/a", kind: "object" }] },
    ]);
  });
});

/** As much of SARIF 2.1.0 as is written, by its schema: sections 3.13, 3.14, 3.19, 3.27, 3.28. */
const level = z.enum(["none", "note", "warning", "error"]);
const text = z.strictObject({ text: z.string().min(1) });
const Sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal("2.1.0"),
  runs: z.array(
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string().min(1),
          version: z.string(),
          rules: z.array(
            z.strictObject({
              id: z.string().regex(/^TULLE\d{4}$/),
              name: z.string().regex(/^[A-Z][A-Za-z]+$/),
              shortDescription: text,
              help: text,
              defaultConfiguration: z.strictObject({ level }),
            }),
          ),
        }),
      }),
      columnKind: z.enum(["utf16CodeUnits", "unicodeCodePoints"]),
      results: z.array(
        z.strictObject({
          ruleId: z.string(),
          ruleIndex: z.int().min(0).optional(),
          level,
          message: text,
          locations: z.array(
            z.strictObject({
              physicalLocation: z
                .strictObject({
                  artifactLocation: z.strictObject({ uri: z.string().regex(/^[\w.~%/-]+$/) }),
                  region: z.strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1) }),
                })
                .optional(),
              logicalLocations: z
                .array(z.strictObject({ fullyQualifiedName: z.string(), kind: z.string() }))
                .optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});
