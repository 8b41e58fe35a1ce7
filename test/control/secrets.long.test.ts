import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WatchStream } from "../support/watch.ts";
import { type Json, RunningControl } from "./running.ts";

const CORE = "/k8s/api/v1/namespaces/default";
const SECRETS = `${CORE}/secrets`;
const MAPS = `${CORE}/configmaps`;
const APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const MERGE = { type: "application/merge-patch+json" };
const JSON_PATCH = { type: "application/json-patch+json" };
const STRATEGIC = { type: "application/strategic-merge-patch+json" };
const APPLY = { type: "application/apply-patch+yaml" };

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function secret(name: string, fields: Readonly<Record<string, unknown>>, annotations = {}) {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default", annotations }, ...fields };
}

function map(name: string, fields: Readonly<Record<string, unknown>>) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, ...fields };
}

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

async function ok(answer: Promise<{ status: number; json: Json }>): Promise<Json> {
  const { status, json } = await answer;
  expect([status, status < 300 ? undefined : json["message"]]).toEqual([expect.any(Number), undefined]);
  return json;
}

async function read(path: string): Promise<Json> {
  return ok(control.call("GET", path));
}

async function generation(): Promise<number> {
  return Number((await read("/api/v1/status"))["generation"]);
}

async function causes(answer: Promise<{ status: number; json: Json }>): Promise<unknown> {
  const { status, json } = await answer;
  const told = json["details"]?.["causes"] as unknown as { reason: string; field: string }[] | undefined;
  return [status, told?.map(({ reason, field }) => `${reason.slice("FieldValue".length)} ${field}`)];
}

describe("what is secret", () => {
  const words: string[] = [];
  /** Another one each time, to be looked for afterwards. */
  const word = (): string => {
    const made = `hunter-${words.length}-${"correct horse ".repeat(3)}`;
    words.push(made);
    return made;
  };

  /** All forms in which one of the words could be lying about. */
  async function isNowhere(): Promise<void> {
    const dump = await control.dump();
    for (const made of words)
      for (const form of [made, base64(made), base64(base64(made)), Buffer.from(made).toString("hex")])
        expect([made, dump.includes(form.replace(/=+$/, ""))]).toEqual([made, false]);
  }

  it("is in no table after any write, and readable after all of them", async () => {
    const first = word();
    const made = await ok(control.call("POST", SECRETS, secret("a", { stringData: { first } })));
    expect(made["data"]).toEqual({ first: base64(first) });
    expect(made).not.toHaveProperty("stringData");
    const before = await generation();

    const put = word();
    await ok(control.call("PUT", `${SECRETS}/a`, secret("a", { data: { first: base64(first), put: base64(put) } })));
    const merged = word();
    await ok(control.call("PATCH", `${SECRETS}/a`, { stringData: { merged } }, MERGE));
    const strategic = word();
    await ok(control.call("PATCH", `${SECRETS}/a`, { stringData: { strategic } }, STRATEGIC));
    const added = word();
    const operations = [{ op: "add", path: "/data/added", value: base64(added) }];
    await ok(control.call("PATCH", `${SECRETS}/a`, operations, JSON_PATCH));
    const applied = word();
    const server = secret("a", { stringData: { applied } });
    await ok(control.call("PATCH", `${SECRETS}/a?fieldManager=m`, server, APPLY));
    expect((await read(`${SECRETS}/a`))["data"]).toEqual({
      first: base64(first),
      put: base64(put),
      merged: base64(merged),
      strategic: base64(strategic),
      added: base64(added),
      applied: base64(applied),
    });
    await isNowhere();

    const kubectl = word();
    const fields = { data: { kubectl: base64(kubectl) } };
    const annotated = secret("b", fields, { [APPLIED]: JSON.stringify(secret("b", { stringData: { kubectl } })) });
    await ok(control.call("POST", "/api/v1/apply", [annotated, secret("c", { stringData: { a: word() } })]));
    await ok(control.call("POST", `${SECRETS}?dryRun=All`, secret("d", { stringData: { a: word() } })));
    await ok(control.call("DELETE", `${SECRETS}/c`));
    await isNowhere();

    await control.evict();
    expect((await read(`${SECRETS}/b`))["data"]).toEqual(fields.data);
    expect((await read(`${SECRETS}/b`))["metadata"]?.["annotations"]).toEqual(annotated.metadata.annotations);
    await ok(control.call("POST", "/api/v1/rollback", { generation: before }));
    await isNowhere();
    await control.evict();
    expect((await read(SECRETS))["items"]).toMatchObject([
      { metadata: { name: "a" }, type: "Opaque", data: { first: base64(first) } },
    ]);
    expect((await read(`${SECRETS}/a`))["data"]).toEqual({ first: base64(first) });
  });

  it("comes back in the change log that the database keeps", async () => {
    const rv = (await read(SECRETS))["metadata"]?.["resourceVersion"];
    const value = word();
    await ok(control.call("POST", SECRETS, secret("logged", { stringData: { value } })));
    await ok(control.call("DELETE", `${SECRETS}/logged`));
    await control.evict();
    const stream = new WatchStream(
      await control.raw("GET", `${SECRETS}?watch=true&resourceVersion=${rv}`, control.auth()),
    );
    const seen = [await stream.next(), await stream.next()];
    await stream.close();
    expect(seen.map(({ type, object }) => [type, object["data"]])).toEqual([
      ["ADDED", { value: base64(value) }],
      ["DELETED", { value: base64(value) }],
    ]);
    await isNowhere();
  });

  it("is told in no refusal", async () => {
    const value = word();
    const answers = [
      await control.call("POST", SECRETS, secret("e", { data: { a: value } })),
      await control.call("POST", SECRETS, secret("e", { stringData: { a: { b: value } } })),
      await control.call("PATCH", `${SECRETS}/a`, [{ op: "test", path: "/data/first", value }], JSON_PATCH),
      await control.call("PATCH", `${SECRETS}/a?fieldManager=n`, secret("a", { stringData: { first: value } }), APPLY),
      await control.call("POST", "/api/v1/apply", [secret("e", { type: "kubernetes.io/tls", stringData: { value } })]),
      await control.call("PATCH", `${SECRETS}/a`, { type: value }, MERGE),
    ];
    expect(answers.map(({ status }) => status)).toEqual([422, 422, 422, 409, 422, 422]);
    for (const { json } of answers) expect(JSON.stringify(json)).not.toContain("hunter");
    await isNowhere();
  });

  it("is in no form that shows metadata alone", async () => {
    const value = word();
    const annotations = { [APPLIED]: JSON.stringify({ stringData: { value } }), note: "kept" };
    await ok(control.call("POST", SECRETS, secret("shown", { stringData: { value }, type: "a/b" }, annotations)));
    const as = async (form: string, path: string): Promise<string> => {
      const accept = `application/json;as=${form};v=v1;g=meta.k8s.io`;
      return (await control.raw("GET", path, { ...control.auth(), accept })).text();
    };
    for (const form of ["Table", "PartialObjectMetadata", "PartialObjectMetadataList"])
      for (const path of [SECRETS, `${SECRETS}/shown`, `${SECRETS}?watch=true&timeoutSeconds=0`]) {
        const text = await as(form, path);
        expect(text).toContain('"note":"kept"');
        for (const part of ["hunter", base64(value)]) expect(text).not.toContain(part);
      }
    const table = JSON.parse(await as("Table", `${SECRETS}/shown`)) as Json;
    const names = (table["columnDefinitions"] as unknown as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(["Name", "Type", "Data", "Age"]);
    expect(table["rows"]?.[0]?.["cells"]).toMatchObject(["shown", "a/b", "1", expect.any(String)]);
  });

  it("is for nobody who may not write it", async () => {
    const tokens: Record<string, string> = {};
    for (const [name, more] of Object.entries({
      viewer: { role: "viewer" },
      "viewer-here": { role: "viewer", namespace: "default" },
      editor: { role: "editor" },
      "editor-here": { role: "editor", namespace: "default" },
      "admin-here": { role: "admin", namespace: "default" },
      "admin-elsewhere": { role: "admin", namespace: "shop" },
    }))
      tokens[name] = String((await ok(control.call("POST", "/api/v1/tokens", { name, ...more })))["token"]);
    const status = async (name: string, path: string) =>
      (await control.call("GET", path, undefined, { token: tokens[name] ?? "" })).status;
    const paths = ["", "/a", "?watch=true&timeoutSeconds=0", "?limit=1", "/nothing"].map((path) => `${SECRETS}${path}`);
    for (const name of ["viewer", "viewer-here", "admin-elsewhere"])
      for (const path of paths) expect([name, path, await status(name, path)]).toEqual([name, path, 403]);
    for (const name of ["editor", "editor-here", "admin-here"]) {
      expect([await status(name, SECRETS), await status(name, `${SECRETS}/a`)]).toEqual([200, 200]);
      expect(await status(name, `${SECRETS}?watch=true&timeoutSeconds=0`)).toBe(200);
    }
    // All namespaces at once are the administrator's, for the mesh's own keys are among them.
    for (const name of ["viewer", "editor", "editor-here", "admin-here"])
      expect([name, await status(name, "/k8s/api/v1/secrets")]).toEqual([name, 403]);
    expect(await status("editor", "/k8s/api/v1/namespaces/istio-system/secrets")).toBe(403);
    for (const name of ["viewer", "viewer-here"]) {
      expect(await status(name, MAPS)).toBe(200);
      const events = await control.call("GET", `${CORE}/events`, undefined, { token: tokens[name] ?? "" });
      expect(events.status).toBe(200);
      expect(JSON.stringify(events.json)).not.toContain("hunter");
    }
  });
});

describe("server-side apply of text", () => {
  it("owns what it became, keeps it where it is applied again, and takes it away where it is left out", async () => {
    const path = `${SECRETS}/texts?fieldManager=ci`;
    const made = await ok(control.call("PATCH", path, secret("texts", { stringData: { a: "b", c: "d" } }), APPLY));
    expect(made["metadata"]?.["managedFields"]).toMatchObject([
      { manager: "ci", operation: "Apply", fieldsV1: { "f:data": { "f:a": {}, "f:c": {} } } },
    ]);
    const again = await ok(control.call("PATCH", path, secret("texts", { stringData: { a: "b", c: "d" } }), APPLY));
    expect(again["metadata"]?.["resourceVersion"]).toBe(made["metadata"]?.["resourceVersion"]);
    const less = await ok(control.call("PATCH", path, secret("texts", { stringData: { a: "b" } }), APPLY));
    expect(less["data"]).toEqual({ a: base64("b") });
  });
});

describe("what cannot be changed", () => {
  it("is the type of a Secret", async () => {
    await ok(control.call("POST", SECRETS, secret("typed", { type: "a/b" })));
    const refused = [422, ["Invalid type"]];
    expect(await causes(control.call("PUT", `${SECRETS}/typed`, secret("typed", { type: "c/d" })))).toEqual(refused);
    expect(await causes(control.call("PUT", `${SECRETS}/typed`, secret("typed", {})))).toEqual(refused);
    expect(await causes(control.call("PATCH", `${SECRETS}/typed`, { type: "c/d" }, MERGE))).toEqual(refused);
  });

  it.each([
    ["ConfigMap", MAPS, { data: { a: "b" } }, { data: { a: "c" } }],
    ["Secret", SECRETS, { data: { a: "Yg==" }, type: "Opaque" }, { data: { a: "Yw==" }, type: "Opaque" }],
  ])("is the data of an immutable %s, by whatever write", async (kind, collection, fields, other) => {
    const of = (more: object) => ({ ...map("fixed", { ...more }), kind });
    await ok(control.call("POST", collection, of({ ...fields, immutable: true })));
    const path = `${collection}/fixed`;
    const data = [422, ["Forbidden data"]];
    expect(await causes(control.call("PUT", path, of({ ...other, immutable: true })))).toEqual(data);
    expect(await causes(control.call("PATCH", path, { data: { z: "" } }, MERGE))).toEqual(data);
    expect(await causes(control.call("PATCH", path, { data: { z: "" } }, STRATEGIC))).toEqual(data);
    expect(await causes(control.call("PATCH", path, [{ op: "remove", path: "/data" }], JSON_PATCH))).toEqual(data);
    expect(await causes(control.call("PATCH", `${path}?fieldManager=m&force=true`, of(other), APPLY))).toEqual(data);
    expect(await causes(control.call("POST", "/api/v1/apply", [of({ ...other, immutable: true })]))).toEqual(data);
    expect(await causes(control.call("PATCH", path, { immutable: null }, MERGE))).toEqual([
      422,
      ["Forbidden immutable"],
    ]);
    expect(await causes(control.call("PATCH", path, { immutable: false, data: null }, MERGE))).toEqual([
      422,
      ["Forbidden immutable", "Forbidden data"],
    ]);
    await ok(control.call("PATCH", path, { metadata: { labels: { a: "b" } } }, MERGE));
    await ok(control.call("PUT", path, of({ ...fields, immutable: true })));
    expect((await read(path))["data"]).toEqual(fields.data);
    await ok(control.call("DELETE", path));
  });

  it("is made anew by a rollback", async () => {
    await ok(control.call("POST", MAPS, map("later", { data: { a: "b" } })));
    await ok(control.call("POST", SECRETS, secret("later", { type: "a/b" })));
    const before = await generation();
    const { uid } = (await read(`${MAPS}/later`))["metadata"] as unknown as { uid: string };
    await ok(control.call("PUT", `${MAPS}/later`, map("later", { data: { a: "c" }, immutable: true })));
    await ok(control.call("DELETE", `${SECRETS}/later`));
    await ok(control.call("POST", SECRETS, secret("later", { type: "c/d" })));
    await ok(control.call("POST", "/api/v1/rollback", { generation: before }));
    await control.evict();
    const restored = await read(`${MAPS}/later`);
    expect(restored).toMatchObject({ data: { a: "b" } });
    expect(restored).not.toHaveProperty("immutable");
    expect(restored["metadata"]?.["uid"]).not.toBe(uid);
    expect((await read(`${SECRETS}/later`))["type"]).toBe("a/b");
  });
});

describe("a Secret that cannot be opened", () => {
  const path = `${SECRETS}/broken`;

  /** Puts what was sealed for another object in its place. */
  async function broken(): Promise<void> {
    await control.call("DELETE", path);
    await ok(control.call("POST", SECRETS, secret("broken", { stringData: { a: "b" } }, { note: "x" })));
    await ok(control.call("PUT", `${SECRETS}/whole`, secret("whole", { stringData: { a: "c" } })));
    const other = "(SELECT json FROM objects WHERE kind = 'Secret' AND name = 'whole')";
    await control.sql(`UPDATE objects SET json = ${other} WHERE kind = 'Secret' AND name = 'broken'`);
    await control.evict();
  }
  beforeAll(async () => {
    await ok(control.call("POST", SECRETS, secret("whole", {})));
  });
  afterEach(async () => {
    await control.call("DELETE", path);
  });

  it("is shown without its content, with a condition, and hides no other", async () => {
    await broken();
    const shown = await read(path);
    expect(shown["metadata"]).toMatchObject({ name: "broken", namespace: "default" });
    expect(shown["status"]).toMatchObject({
      conditions: [{ type: "Readable", status: "False", reason: "CannotBeOpened" }],
    });
    for (const field of ["data", "type"]) expect(shown).not.toHaveProperty(field);
    const items = (await read(SECRETS))["items"] as unknown as { metadata: { name: string }; data?: unknown }[];
    expect(items.find(({ metadata }) => metadata.name === "whole")?.data).toEqual({ a: base64("c") });
    expect(
      (await ok(control.apply("{apiVersion: v1, kind: Namespace, metadata: {name: on}}")))["results"],
    ).toHaveLength(1);
  });

  it("is not changed in parts: what is missing must not be taken for empty", async () => {
    await broken();
    const before = await control.dump();
    for (const [body, type] of [
      [{ metadata: { labels: { a: "b" } } }, MERGE],
      [{ data: { a: "" } }, STRATEGIC],
      [[{ op: "add", path: "/metadata/labels", value: {} }], JSON_PATCH],
    ] as const)
      expect((await control.call("PATCH", path, body, type)).status).toBe(500);
    const applied = await control.call("PATCH", `${path}?fieldManager=m&force=true`, secret("broken", {}), APPLY);
    expect([applied.status, applied.json["message"]]).toEqual([500, expect.stringContaining("KEY_ENCRYPTION_SECRET")]);
    expect(await control.dump()).toBe(before);
  });

  it.each([
    ["a PUT", async () => control.call("PUT", path, secret("broken", { type: "a/b", stringData: { a: "z" } }))],
    [
      "an apply of all of it",
      async () => control.call("POST", "/api/v1/apply", [secret("broken", { type: "a/b", stringData: { a: "z" } })]),
    ],
  ])("is mended by %s", async (_, mend) => {
    await broken();
    await ok(mend());
    await control.evict();
    const mended = await read(path);
    expect(mended).toMatchObject({ type: "a/b", data: { a: base64("z") } });
    expect(mended).not.toHaveProperty("status");
  });

  it("can be deleted", async () => {
    await broken();
    await ok(control.call("DELETE", path));
    await control.evict();
    expect((await control.call("GET", path)).status).toBe(404);
  });

  it("of a past generation keeps that generation from coming back, and nothing else", async () => {
    await ok(control.call("POST", SECRETS, secret("broken", { stringData: { a: "b" } })));
    const then = await generation();
    await control.sql("UPDATE revisions SET json = json_set(json, '$.sealed', 'v1.AAAA.AAAA') WHERE name = 'broken'");
    await ok(control.call("DELETE", path));
    const after = await generation();
    await ok(control.call("POST", MAPS, map("between", {})));
    const refused = await control.call("POST", "/api/v1/rollback", { generation: then });
    expect([refused.status, refused.json["message"]]).toEqual([500, expect.stringContaining("`broken`")]);
    await ok(control.call("POST", "/api/v1/rollback", { generation: after }));
  });
});

describe("what the mesh makes of them", () => {
  it("is nothing: no root and no slice is another one", async () => {
    await control.rpc("ALL", "register", { bindings: [], hasPrivate: false, format: 2 });
    await control.apply("{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}");
    const before = await control.root("all");
    const from = await generation();
    await ok(control.call("POST", MAPS, map("settings", { data: { a: "b" } })));
    await ok(control.call("POST", SECRETS, secret("settings", { stringData: { a: "b" } })));
    expect(await control.root("all")).toEqual(before);
    // They are configuration all the same, and have their place in its history.
    expect(await generation()).toBe(from + 2);
    expect((await read(`/api/v1/revisions/${from + 2}`))["changes"]).toEqual([
      { type: "ADDED", group: "", kind: "Secret", namespace: "default", name: "settings" },
    ]);
  });

  it("takes one as large as may be", async () => {
    const value = "x".repeat(1_040_000);
    await ok(control.call("POST", SECRETS, secret("large", { stringData: { value } })));
    await control.evict();
    expect((await read(`${SECRETS}/large`))["data"]?.["value"]).toBe(base64(value));
  });
});
