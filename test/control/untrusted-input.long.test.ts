import { gzipSync } from "node:zlib";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { withoutProgrammed } from "../../src/kube/programmed.ts";
import { conditionsOf } from "../../src/resources/conditions.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { auditHash } from "../../workers/control/db/audit.ts";
import { RunningControl } from "./running.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const REVIEWS = "/k8s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const RULES_REVIEWS = "/k8s/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const GATEWAY = "/api/v1/gateways/default/front/listeners";

const YAML = "application/yaml";
const JSON_TYPE = "application/json";
const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

function rule(name: string, metadata: Record<string, unknown> = {}, status?: unknown) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, ...metadata },
    spec: { host: "x" },
    ...(status !== undefined && { status }),
  };
}

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
  const gateway = {
    apiVersion: "networking.istio.io/v1",
    kind: "Gateway",
    metadata: { name: "front" },
    spec: {
      selector: { a: "b" },
      servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["a.test"] }],
    },
  };
  const answer = await control.call("POST", "/api/v1/apply", [
    rule("held", { labels: { part: "1" } }),
    rule("other"),
    gateway,
    { apiVersion: "v1", kind: "Service", metadata: { name: "held" }, spec: { ports: [{ name: "http", port: 80 }] } },
  ]);
  expect(answer.status).toBe(200);
});
afterAll(() => control.stop());

/** What was there before the first refusal of a test: afterwards it must be there still. */
let untouched: string | null = null;
afterEach(async () => {
  const before = untouched;
  untouched = null;
  if (before !== null) expect(await control.dump()).toBe(before);
});

/** Refused as the client's fault, and nothing was stored. */
async function refuses(method: string, path: string, body?: string, type?: string): Promise<void> {
  untouched ??= await control.dump();
  const answer = await control.call(method, path, body, type === undefined ? {} : { type });
  const what = `${method} ${path} ${(body ?? "").slice(0, 80)} -> ${answer.status} ${answer.json["message"]}`;
  expect([400, 404, 410, 413, 415, 422], what).toContain(answer.status);
  expect(answer.json["kind"], what).toBe("Status");
}

describe("what a URL asks for", () => {
  const SQL = [
    "' OR 1=1 --",
    "x' UNION SELECT hash FROM tokens --",
    "x; DROP TABLE objects",
    '" OR ""="',
    "a%' ESCAPE '%",
  ];
  const names = async (query: string) => {
    const answer = await control.call("GET", `${RULES}${query}`);
    const items = (answer.json["items"] ?? []) as unknown as { metadata: { name: string } }[];
    return [answer.status, items.map(({ metadata }) => metadata.name)];
  };

  it.each(SQL)("is no SQL: %s", async (text) => {
    const before = await control.dump();
    const sent = encodeURIComponent(text);
    expect((await control.call("GET", `${RULES}/${sent}`)).status).toBe(404);
    expect((await control.call("DELETE", `${RULES}/${sent}`)).status).toBe(404);
    const empty = await control.call("GET", RULES.replace("default", sent));
    expect([empty.status, empty.json["items"]]).toEqual([200, []]);
    for (const query of ["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "includeObject"])
      await refuses("GET", `${RULES}?${query}=${sent}`);
    await refuses("GET", `${RULES}?labelSelector=part%3D${sent}`);
    await refuses("GET", `${RULES}?watch=true&resourceVersion=${sent}`);
    await refuses("GET", `${RULES}?watch=true&timeoutSeconds=${sent}`);
    await refuses("DELETE", `${RULES}?labelSelector=${sent}`);
    await refuses("GET", `/api/v1/revisions?limit=${sent}`);
    await refuses("GET", `/api/v1/revisions?before=${sent}`);
    await refuses("GET", `/api/v1/revisions/${sent}`);
    await refuses("POST", `/api/v1/apply?dryRun=${sent}`, JSON.stringify(rule("x")), JSON_TYPE);
    for (const query of ["after", "before", "limit", "from", "to"])
      await refuses("GET", `/api/v1/audit?${query}=${sent}`);
    await refuses("GET", `/api/v1/audit/verify?after=${sent}`);
    for (const query of ["actor", "verb", "target"]) {
      const audit = await control.call("GET", `/api/v1/audit?${query}=${sent}`);
      expect([query, audit.status, audit.json["entries"]]).toEqual([query, 200, []]);
    }
    expect(await control.dump()).toBe(before);
  });

  it("is bound where it stands in a place that a list is continued from", async () => {
    const at = (...place: unknown[]) => `?continue=${encodeURIComponent(btoa(JSON.stringify(place)))}`;
    expect(await names(at("x') OR 1=1 --", "y", 3))).toEqual([200, []]);
    expect(await names(at("default", "held' OR '1'='1", 3))).toEqual([200, ["other"]]);
    expect(await names(at("default", "held", 3))).toEqual([200, ["other"]]);
    for (const place of [
      [],
      ["a"],
      ["a", "b"],
      ["a", 1, 3],
      [1, "a", 3],
      ["a", "b", "3"],
      ["a", "b", 1.5],
      ["a", "b", null],
    ])
      expect([place, await names(at(...place))]).toEqual([place, [400, []]]);
    for (const token of ["AAAA", "%00", "e30=", "bnVsbA==", "%F0%9F", "x".repeat(8_000)])
      expect([token, await names(`?continue=${token}`)]).toEqual([token, [400, []]]);
    expect(await names(at("default", "held", -1))).toEqual([410, []]);
  });

  it("is a number of objects where it is a limit, and nothing that only looks like one", async () => {
    for (const limit of ["0", "2", "500", "1000000000", "9999999999999999999"])
      expect([limit, await names(`?limit=${limit}`)]).toEqual([limit, [200, ["held", "other"]]]);
    for (const limit of ["-1", "1.5", "1e3", "0x10", "abc", "NaN", "Infinity", "", "%201", "1%00", "1;drop", "٣"])
      expect([limit, (await names(`?limit=${limit}`))[0]]).toEqual([limit, 400]);
  });

  it("finds no label in what every object of JavaScript has", async () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"]) {
      expect([name, await names(`?labelSelector=${name}`)]).toEqual([name, [200, []]]);
      expect([name, await names(`?labelSelector=!${name}`)]).toEqual([name, [200, ["held", "other"]]]);
      const deleted = await control.call("DELETE", `${RULES}?labelSelector=${name}`);
      expect([name, deleted.status, deleted.json["items"]]).toEqual([name, 200, []]);
      await refuses("GET", `${RULES}?fieldSelector=${name}%3Dx`);
      await refuses("GET", `/k8s/apis/networking.istio.io/v1/${name}`);
      await refuses("GET", `/k8s/apis/${name}/v1/pods`);
    }
  });

  it("is text all through, or no path", async () => {
    for (const name of ["%", "%zz", "%ff", "%ED%A0%80", "%C0%AF", "a%2fb", "..%2f..", "%00"])
      await refuses("GET", `${RULES}/${name}`);
  });
});

/** Bodies that must harm nobody; as JSON, which is YAML too. */
const nested = (depth: number, open = "[", close = "]") => open.repeat(depth) + close.repeat(depth);
const HELD = JSON.stringify(rule("held"));
const EVIL_JSON: readonly { readonly name: string; readonly body: string }[] = [
  { name: "lists nested 100,000 deep", body: nested(100_000) },
  { name: "lists nested 65 deep in a field", body: HELD.replace('"host":"x"', `"host":${nested(65)}`) },
  { name: "objects nested 20,000 deep", body: `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}` },
  { name: "a key twice", body: HELD.replace('"host":"x"', '"host":"x","host":"y"') },
  { name: "a key twice in two spellings", body: HELD.replace('"host":"x"', '"host":"x","h\\u006fst":"y"') },
  {
    name: "its namespace twice",
    body: HELD.replace('"name":"held"', '"name":"held","namespace":"default","namespace":"x"'),
  },
  { name: "`__proto__` at the top", body: HELD.replace("{", '{"__proto__":{"metadata":{"namespace":"x"}},') },
  { name: "`__proto__` in the metadata", body: HELD.replace('"name"', '"__proto__":{"namespace":"x"},"name"') },
  { name: "`__proto__` as a label", body: HELD.replace('"name"', '"labels":{"__proto__":"x"},"name"') },
  { name: "`__proto__` in the spec", body: HELD.replace('"host"', '"__proto__":{"subsets":[]},"host"') },
  { name: "`__proto__` in an escape", body: HELD.replace('"host"', '"\\u005f_proto__":{"subsets":[]},"host"') },
  { name: "`constructor` in the spec", body: HELD.replace('"host"', '"constructor":{"prototype":{"a":1}},"host"') },
  { name: "a number that is none", body: HELD.replace('"host":"x"', '"host":"x","subsets":1e400') },
  { name: "half a surrogate pair", body: HELD.replace('"name"', '"annotations":{"a":"\\ud800"},"name"') },
  { name: "half a surrogate pair in a key", body: HELD.replace('"name"', '"annotations":{"\\udc00":"a"},"name"') },
];

const EVIL_YAML: readonly { readonly name: string; readonly body: string }[] = [
  {
    name: "a bomb of aliases",
    body: `a: &a [x, x]\n${Array.from({ length: 40 }, (_, at) => `b${at}: &b${at} [*${at === 0 ? "a" : `b${at - 1}`}, *a]`).join("\n")}`,
  },
  { name: "an anchor alone", body: HELD.replace('"x"', "&x x") },
  { name: "an alias of nothing", body: HELD.replace('"x"', "*x ") },
  { name: "a merge key", body: HELD.replace('"host"', '<<: {"a": 1}, "host"') },
  { name: "a tag of JavaScript's", body: HELD.replace('"x"', "!!js/function 'function(){}'") },
  { name: "a tag of binary", body: HELD.replace('"x"', "!!binary aGk=") },
  { name: "a tag of its own", body: HELD.replace('"x"', "!x x") },
  { name: "a directive", body: `%YAML 1.1\n---\n${HELD}` },
  { name: "a key twice", body: `${HELD.slice(0, -1)}, 'spec': {host: y}}` },
  { name: "a key that is a list", body: HELD.replace('"host":"x"', '"host":"x",? [a] : b') },
  { name: "NUL", body: `${HELD}\n# \0` },
  { name: "a byte order mark inside", body: `${HELD}\n# \ufeff` },
  { name: "an escape character", body: `${HELD}\n# \u001b[2J` },
  { name: "block lists nested 20,000 deep", body: "- ".repeat(20_000) },
  { name: "mappings nested 20,000 deep", body: "{a: ".repeat(20_000) },
  { name: "20,000 merges", body: `a: &a [{},{},{}]\nb: {<<: *a}\n`.repeat(20_000) },
  { name: "UTF-16", body: Buffer.from(HELD, "utf16le").toString("latin1") },
];

describe("a body", () => {
  const takers: readonly (readonly [method: string, path: string, type: string])[] = [
    ["POST", "/api/v1/apply", JSON_TYPE],
    ["POST", "/api/v1/apply", YAML],
    ["POST", RULES, JSON_TYPE],
    ["POST", RULES, YAML],
    ["PUT", `${RULES}/held`, JSON_TYPE],
    ["PUT", `${RULES}/held`, YAML],
    ["PATCH", `${RULES}/held`, MERGE],
    ["PATCH", `${RULES}/held?fieldManager=m&force=true`, APPLY],
  ];

  it.each(EVIL_JSON)("with $name is refused by whoever reads it", async ({ body }) => {
    for (const [method, path, type] of takers) await refuses(method, path, body, type);
    // A kind of Kubernetes' own keeps fields that nobody here reads.
    const service = body
      .replace("networking.istio.io/v1", "v1")
      .replace('"DestinationRule"', '"Service"')
      .replace('"host":"x"', '"ports":[{"name":"http","port":80}]');
    if (!body.includes("constructor") && !body.includes('"host"'))
      await refuses("POST", "/api/v1/apply", service, JSON_TYPE);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)["metadata"]).toBeUndefined();
  });

  it.each(EVIL_YAML)("of YAML with $name is refused by whoever reads that", async ({ body }) => {
    for (const [method, path, type] of takers)
      if (type === YAML || type === APPLY) await refuses(method, path, body, type);
  });

  it("is one object where one is written, and at most 500 where many are", async () => {
    for (const [method, path, type] of takers.slice(2)) {
      await refuses(method, path, `[${HELD}]`, type);
      for (const value of ["null", "5", '"x"', "true", "[]", ""]) await refuses(method, path, value, type);
    }
    const documents = Array.from({ length: 501 }, (_, at) => JSON.stringify(rule(`r${at}`))).join("\n---\n");
    await refuses("POST", "/api/v1/apply", documents, YAML);
    await refuses("POST", "/api/v1/apply", "---\n".repeat(5_000), YAML);
  });

  it.each([
    { name: "`__proto__` in a path", patch: [{ op: "add", path: "/spec/__proto__/x", value: 1 }] },
    { name: "`__proto__` at its end", patch: [{ op: "add", path: "/spec/__proto__", value: {} }] },
    { name: "`__proto__` in a `from`", patch: [{ op: "copy", from: "/__proto__", path: "/spec/x" }] },
    { name: "`constructor` in a path", patch: [{ op: "add", path: "/constructor/prototype/x", value: 1 }] },
    { name: "`constructor` in a `from`", patch: [{ op: "copy", from: "/spec/constructor", path: "/spec/x" }] },
    {
      name: "a place far beyond a list",
      patch: [{ op: "add", path: "/metadata/managedFields/4294967295", value: {} }],
    },
    { name: "the length of a list", patch: [{ op: "add", path: "/metadata/managedFields/length", value: 0 }] },
    {
      name: "10,001 operations",
      patch: Array.from({ length: 10_001 }, () => ({ op: "test", path: "/kind", value: "DestinationRule" })),
    },
    {
      name: "copies that double",
      patch: [
        { op: "add", path: "/metadata/annotations", value: { a: "x".repeat(1_000) } },
        ...Array.from({ length: 40 }, (_, at) => ({
          op: "copy",
          from: "/metadata/annotations",
          path: `/metadata/annotations/c${at}`,
        })),
      ],
    },
  ])("that is a JSON patch with $name is refused", async ({ patch }) => {
    await refuses("PATCH", `${RULES}/held`, JSON.stringify(patch), JSON_PATCH);
  });

  it.each([
    {
      name: "a JSON patch's value",
      type: JSON_PATCH,
      body: '[{"op":"add","path":"/spec","value":{"__proto__":{"a":1},"host":"x"}}]',
    },
    { name: "a merge patch", type: MERGE, body: '{"metadata":{"annotations":{"__proto__":"x"}}}' },
    { name: "what is applied", type: APPLY, body: '{"metadata":{"annotations":{"__proto__":"x"}}}' },
  ])("with `__proto__` in $name is refused for the main object and for the status", async ({ type, body }) => {
    const text =
      type === APPLY ? JSON.stringify(rule("held")).replace('"name"', '"annotations":{"__proto__":"x"},"name"') : body;
    await refuses("PATCH", `${RULES}/held?fieldManager=m&force=true`, text, type);
    await refuses("PATCH", `${RULES}/held/status?fieldManager=m&force=true`, text, type);
  });

  it("is no way for `__proto__`, or what is no text, into a status, which no schema rebuilds", async () => {
    for (const status of [
      '{"__proto__":{"a":1}}',
      '{"a":{"__proto__":1}}',
      '{"a":[{"__proto__":1}]}',
      '{"a":"\\ud800"}',
    ]) {
      const whole = JSON.stringify(rule("held", {}, "STATUS")).replace('"STATUS"', status);
      await refuses("PUT", `${RULES}/held/status`, whole, JSON_TYPE);
      await refuses("PUT", `${RULES}/held/status`, whole, YAML);
      await refuses("PATCH", `${RULES}/held/status?fieldManager=m&force=true`, whole, APPLY);
      await refuses("PATCH", `${RULES}/held/status`, `{"status":${status}}`, MERGE);
      await refuses("PATCH", `${RULES}/held/status`, `[{"op":"add","path":"/status","value":${status}}]`, JSON_PATCH);
    }
    const service = "/k8s/api/v1/namespaces/default/services/held";
    await refuses("PATCH", service, '{"spec":{"__proto__":{"a":1}}}', STRATEGIC);
    await refuses("PATCH", `${service}/status`, '{"status":{"__proto__":{"a":1}}}', STRATEGIC);
  });

  it("to the status changes nothing beside it, and not what the compiler said", async () => {
    const read = async () =>
      withoutProgrammed((await control.call("GET", `${RULES}/held`)).json as unknown as KubeObject);
    const before = await read();
    const forged = {
      conditions: [
        {
          type: "Accepted",
          status: "False",
          reason: "Forged",
          message: "x",
          lastTransitionTime: "2020-01-01T00:00:00Z",
        },
      ],
    };
    const evil = { ...rule("held", { labels: { evil: "1" } }, forged), spec: { host: "evil" } };
    for (const [method, type, body] of [
      ["PUT", JSON_TYPE, evil],
      ["PATCH", MERGE, { metadata: { labels: { evil: "1" } }, spec: { host: "evil" }, status: forged }],
      ["PATCH", APPLY, evil],
    ] as const) {
      const answer = await control.call(method, `${RULES}/held/status?fieldManager=m&force=true`, body, { type });
      expect([type, answer.status]).toEqual([type, 200]);
      const after = await read();
      expect([type, after["spec"], after.metadata.labels]).toEqual([type, before["spec"], before.metadata.labels]);
      expect(conditionsOf(after)).toEqual(conditionsOf(before));
    }
  });

  it.each([
    { name: "rollback", path: "/api/v1/rollback", body: '{"generation":1}' },
    { name: "join tokens", path: "/api/v1/join-tokens", body: '{"namespace":"default","serviceAccount":"a"}' },
    { name: "listeners", path: GATEWAY, body: '{"addresses":[],"boundPorts":{},"failed":[]}' },
  ])("of $name is read as strictly", async ({ path, body }) => {
    const field = /"(\w+)"/.exec(body)?.[1] ?? "";
    await refuses("POST", path, body.replace("{", '{"__proto__":{"a":1},'), JSON_TYPE);
    await refuses("POST", path, body.replace("{", '{"more":1,'), JSON_TYPE);
    await refuses("POST", path, body.replace("{", `{"${field}":null,`), JSON_TYPE);
    await refuses("POST", path, nested(100_000), JSON_TYPE);
    await refuses("POST", path, body.replace(/:[^,}]+/, `:${nested(5_000)}`), JSON_TYPE);
    for (const other of ["", "null", "[]", "5", '"x"', "{", `[${body}]`, "a: b"])
      await refuses("POST", path, other, JSON_TYPE);
  });

  it("of listeners names ports and nothing else", async () => {
    for (const ports of [
      '{"__proto__":80}',
      '{"80":"80"}',
      '{"80":0}',
      '{"80":65536}',
      '{"a":80}',
      '{"80=1,81":80}',
      "[80]",
    ])
      await refuses("POST", GATEWAY, `{"addresses":[],"boundPorts":${ports},"failed":[]}`, JSON_TYPE);
  });

  it("of a review that asks for nothing is a question that has no answer", async () => {
    for (const body of [
      '{"spec":null}',
      '{"spec":5}',
      '{"spec":"x"}',
      '{"spec":[]}',
      "{}",
      "null",
      "[]",
      "",
      '{"spec":{"nonResourceAttributes":{"path":5}}}',
    ])
      await refuses("POST", REVIEWS, body, JSON_TYPE);
    for (const attributes of [
      '"x"',
      "5",
      "true",
      '{"verb":5,"resource":[]}',
      '{"__proto__":{"verb":"get"}}',
      '{"verb":"*","resource":"pods","group":{"a":1}}',
    ]) {
      const answer = await control.call("POST", REVIEWS, `{"spec":{"resourceAttributes":${attributes}}}`);
      const isAll = attributes.includes("*");
      expect([attributes, answer.status, answer.json["status"]?.["allowed"]]).toEqual([attributes, 201, isAll]);
    }
    for (const path of [REVIEWS, RULES_REVIEWS]) await refuses("POST", path, nested(100_000), JSON_TYPE);
  });

  it("of a deletion that is no DeleteOptions deletes nothing", async () => {
    for (const body of [
      "[]",
      "5",
      '"x"',
      '{"preconditions":5}',
      '{"preconditions":[]}',
      '{"preconditions":{"uid":5}}',
      '{"preconditions":{"resourceVersion":7}}',
      '{"dryRun":"All"}',
      '{"dryRun":["None"]}',
      '{"dryRun":{}}',
    ])
      for (const path of [`${RULES}/held`, RULES]) await refuses("DELETE", path, body, JSON_TYPE);
    const before = await control.dump();
    for (const preconditions of [{ uid: "other" }, { resourceVersion: "1" }])
      for (const path of [`${RULES}/held`, RULES])
        expect((await control.call("DELETE", path, { preconditions })).status).toBe(409);
    expect(await control.dump()).toBe(before);
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/html",
    "application/xml",
    "application/octet-stream",
    "__proto__",
    "constructor",
    "application/json, text/plain",
    "application/vnd.kubernetes.protobuf",
  ])("of the type `%s` is not read as something else", async (type) => {
    await refuses("POST", "/api/v1/apply", HELD, type);
    await refuses("POST", RULES, HELD, type);
    await refuses("PUT", `${RULES}/held`, HELD, type);
    await refuses("PATCH", `${RULES}/held`, '{"metadata":{"labels":{"a":"b"}}}', type);
  });
});

describe("a body of more than 1 MiB", () => {
  const LARGE = 1_100_000;
  const object = HELD.replace('"name"', `"annotations":{"a":"${"x".repeat(LARGE)}"},"name"`);
  const WRITES: readonly (readonly [method: string, path: string, type: string, body: string])[] = [
    ["POST", "/api/v1/apply", YAML, object],
    ["POST", "/api/v1/apply", JSON_TYPE, object],
    ["POST", "/api/v1/apply?dryRun=All", JSON_TYPE, object],
    ["POST", RULES, JSON_TYPE, object],
    ["POST", RULES, YAML, object],
    ["PUT", `${RULES}/held`, JSON_TYPE, object],
    ["PUT", `${RULES}/held/status`, JSON_TYPE, object],
    ["PATCH", `${RULES}/held`, MERGE, object],
    ["PATCH", `${RULES}/held`, JSON_PATCH, `[${object}]`],
    ["PATCH", "/k8s/api/v1/namespaces/default/services/held", STRATEGIC, object],
    ["PATCH", `${RULES}/held?fieldManager=m`, APPLY, object],
    ["PATCH", `${RULES}/held/status?fieldManager=m`, APPLY, object],
    ["DELETE", `${RULES}/held`, JSON_TYPE, object],
    ["DELETE", RULES, JSON_TYPE, object],
    ["POST", REVIEWS, JSON_TYPE, object],
    ["POST", RULES_REVIEWS, JSON_TYPE, object],
    ["POST", "/k8s/api/v1/namespaces", "application/vnd.kubernetes.protobuf", `k8s\0${object}`],
    ["POST", "/api/v1/tokens", JSON_TYPE, object],
    ["POST", "/api/v1/rollback", JSON_TYPE, object],
    ["POST", "/api/v1/join-tokens", JSON_TYPE, object],
    ["POST", "/api/v1/enrol", JSON_TYPE, object],
    ["POST", GATEWAY, JSON_TYPE, object],
  ];

  /** Its length told, or in chunks, which tell nothing. Null where the connection broke before there was an answer. */
  async function once(how: "told" | "chunked", write: (typeof WRITES)[number]): Promise<number | null> {
    const [method, path, type, body] = write;
    const length = how === "told" ? { "content-length": Buffer.byteLength(body) } : { "transfer-encoding": "chunked" };
    const { href } = new URL(path, await control.url());
    return new Promise((resolve) => {
      const headers = { ...control.auth(), "content-type": type, ...length };
      const request = httpRequest(href, { method, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
        answer.on("end", () => request.destroy());
      });
      request.on("error", () => resolve(null));
      for (let at = 0; at < body.length; at += 100_000) request.write(body.slice(at, at + 100_000));
      request.end();
    });
  }

  /** Whoever answers before all was read may hang up on the rest, and the answer be lost: then it is asked again. */
  async function answered(how: "told" | "chunked", write: (typeof WRITES)[number]): Promise<number | null> {
    for (let attempt = 1; attempt < 5; attempt += 1) {
      const status = await once(how, write);
      if (status !== null) return status;
    }
    return once(how, write);
  }

  it.each(WRITES.map((write) => ({ write, method: write[0], path: write[1], type: write[2] })))(
    "is not taken: $method $path of $type, whether its length is told or not",
    async ({ write }) => {
      const before = await control.dump();
      expect([await answered("told", write), await answered("chunked", write)]).toEqual([413, 413]);
      expect(await control.dump()).toBe(before);
    },
  );

  it("is not taken packed, whatever it would be unpacked", async () => {
    const before = await control.dump();
    const send = async (path: string, coding: string, body: BodyInit) => {
      const headers = { ...control.auth(), "content-type": JSON_TYPE, "content-encoding": coding };
      const answer = await fetch(new URL(path, await control.url()), { method: "POST", headers, body });
      return [path, coding, answer.status, ((await answer.json()) as { reason?: string }).reason];
    };
    const text = JSON.stringify(rule("packed"));
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024, 0x20));
    for (const path of ["/api/v1/apply", RULES, "/api/v1/tokens", "/api/v1/rollback", "/api/v1/enrol"]) {
      expect(await send(path, "gzip", bomb)).toEqual([path, "gzip", 415, "UnsupportedMediaType"]);
      for (const coding of ["gzip", "br", "zstd", "deflate", "gzip, identity", "x-unknown"])
        expect(await send(path, coding, text)).toEqual([path, coding, 415, "UnsupportedMediaType"]);
    }
    expect(await control.dump()).toBe(before);
    expect((await send("/api/v1/apply?dryRun=All", "identity", text))[2]).toBe(200);
  });

  it("is not stored where a false length hides it, or tells of more than comes", async () => {
    const before = await control.dump();
    const { hostname, port } = await control.url();
    const lie = async (path: string, length: number, body: string): Promise<string> =>
      new Promise((resolve) => {
        let answer = "";
        const socket = connect(Number(port), hostname, () => {
          const head = [
            `POST ${path} HTTP/1.1`,
            "host: control.test",
            `authorization: ${control.auth()["authorization"]}`,
            `content-type: ${JSON_TYPE}`,
            `content-length: ${length}`,
          ];
          socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
          // Whoever waits for the rest gets it never.
          if (length > body.length) socket.end();
        });
        socket.on("data", (data: Buffer) => {
          answer += data.toString("latin1");
          if (answer.includes("\r\n\r\n")) socket.destroy();
        });
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "closed"));
      });
    for (const path of ["/api/v1/apply", RULES, "/api/v1/tokens"]) {
      const small = JSON.stringify(path.endsWith("tokens") ? { name: "x", role: "viewer" } : rule("liar"));
      expect([path, await lie(path, 10, object)]).toEqual([path, "400"]);
      expect([path, await lie(path, small.length + 1_000, small)]).toEqual([
        path,
        expect.stringMatching(/closed|[45]\d\d/),
      ]);
    }
    expect(await control.dump()).toBe(before);
  });

  it("is read by nobody before there are credentials", async () => {
    const url = new URL("/api/v1/apply", await control.url());
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(
        url.href,
        { method: "POST", headers: { "transfer-encoding": "chunked" } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
          request.destroy();
        },
      );
      request.on("error", reject);
      request.write("{");
      // It never ends, and is answered all the same.
    });
    expect(status).toBe(401);
  });
});

describe("an apply", () => {
  const many = (bad: number) =>
    Array.from({ length: 20 }, (_, at) =>
      JSON.stringify(at === bad ? { ...rule(`d${at}`), spec: { host: "" } } : rule(`d${at}`)),
    ).join("\n---\n");

  it.each([
    { name: "one that is malformed", text: many(12), line: 25 },
    {
      name: "one whose namespace is nowhere",
      text: many(-1).replace('"name":"d12"', '"name":"d12","namespace":"nowhere"'),
      line: 25,
    },
    {
      name: "one of no known kind",
      text: many(-1).replace(/"DestinationRule"(?=.{1,30}"d12")/, '"Nothing"'),
      line: 25,
    },
  ])("of twenty documents with $name stores none, and says which", async ({ text, line }) => {
    const before = await control.dump();
    const answer = await control.apply(text);
    expect(answer.status).toBe(422);
    const results = answer.json["results"] as unknown as { line: number; status?: { code: number } }[];
    expect(results.flatMap((each) => (each.status ? [each.line] : []))).toEqual([line]);
    expect(await control.dump()).toBe(before);
  });

  it("holds only for the generation that was asked for", async () => {
    const generation = Number((await control.call("GET", "/api/v1/status")).json["generation"]);
    const send = async (tag: string, body: unknown, path = "/api/v1/apply") => {
      const headers = { ...control.auth(), "content-type": JSON_TYPE, "if-match": tag };
      const answer = await control.raw("POST", path, headers, JSON.stringify(body));
      await answer.text();
      return answer.status;
    };
    const before = await control.dump();
    for (const tag of [`"${generation - 1}"`, `"${generation + 1}"`, '"0"', '"999999999999999"']) {
      expect([tag, await send(tag, rule("matched"))]).toEqual([tag, 412]);
      expect([tag, await send(tag, { generation: 1 }, "/api/v1/rollback")]).toEqual([tag, 412]);
    }
    for (const tag of [
      String(generation),
      `W/"${generation}"`,
      `"${generation}", "1"`,
      '"x"',
      '""',
      '"-1"',
      `"${generation}.0"`,
      '"1e1"',
    ])
      expect([tag, await send(tag, rule("matched"))]).toEqual([tag, 400]);
    expect(await control.dump()).toBe(before);
    expect(await send(`"${generation}"`, rule("matched"))).toBe(200);
    expect(await send(`"${generation}"`, rule("matched", { labels: { again: "1" } }))).toBe(412);
    expect(await send("*", rule("matched"))).toBe(200);
  });

  it("lets one of many through that were all made for the same generation", async () => {
    const generation = Number((await control.call("GET", "/api/v1/status")).json["generation"]);
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const headers = { ...control.auth(), "content-type": JSON_TYPE, "if-match": `"${generation}"` };
        const answer = await control.raw("POST", "/api/v1/apply", headers, JSON.stringify(rule(`race${at}`)));
        await answer.text();
        return answer.status;
      }),
    );
    expect(answers.toSorted((a, b) => a - b)).toEqual([200, ...Array.from({ length: 7 }, () => 412)]);
    expect(await control.sql("SELECT name FROM objects WHERE name LIKE 'race%'")).toHaveLength(1);
  });
});

describe("the audit", () => {
  it("holds a chain through all of this, also of writes that came at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, async (_, at) => {
        switch (at % 3) {
          case 0:
            return control.call("POST", "/api/v1/tokens", { name: "at-once", role: "viewer" });
          case 1:
            return control.apply(JSON.stringify(rule(`at-once-${at}`)));
          default:
            return control.call("POST", "/api/v1/join-tokens", { namespace: "default", serviceAccount: `a${at}` });
        }
      }),
    );
    for (const { status, json } of answers) expect([200, 201], String(json["message"])).toContain(status);
    const rows = (await control.sql("SELECT * FROM audit ORDER BY id")) as unknown as (Parameters<
      typeof auditHash
    >[0] & {
      hash: string;
    })[];
    let previous = "";
    for (const [index, row] of rows.entries()) {
      expect([row.id, row.previous, await auditHash(row)]).toEqual([index + 1, previous, row.hash]);
      previous = row.hash;
    }
    const served = (await control.call("GET", "/api/v1/audit?after=0&limit=1000")).json["entries"] as unknown as {
      hash: string;
    }[];
    expect(served.map(({ hash }) => hash)).toEqual(rows.slice(0, 1_000).map(({ hash }) => hash));
  });
});
