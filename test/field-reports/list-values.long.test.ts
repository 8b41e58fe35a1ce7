import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EchoMesh, policy, routes } from "./echo-mesh.ts";

interface Case {
  readonly name: string;
  readonly action: "ALLOW" | "DENY";
  readonly header: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
  /** Lines of the header, and whether the request gets through. */
  readonly sent: readonly (readonly [readonly string[], boolean])[];
}

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const JSON_VALUE = '{"role":"guest","id":7}';

const CASES: readonly Case[] = [
  {
    name: "deny-accept",
    action: "DENY",
    header: "accept",
    values: ["text/html,*"],
    sent: [
      [["text/html,*/*;q=0.8"], false],
      [["text/html, */*;q=0.8"], false],
      [["image/png", "text/html,*/*;q=0.8"], false],
      [["text/html"], true],
      [["*/*"], true],
    ],
  },
  {
    name: "allow-language",
    action: "ALLOW",
    header: "accept-language",
    values: ["zh-CN,zh;q=0.9"],
    sent: [
      [["zh-CN,zh;q=0.9"], true],
      [["zh-CN", "zh;q=0.9"], true],
      [["zh-CN,zh;q=0.9,en"], false],
      [["zh-CN,zh;q=0.9", "en"], false],
      [["zh-CN"], false],
      [[], false],
    ],
  },
  {
    name: "deny-json",
    action: "DENY",
    header: "x-context",
    values: [JSON_VALUE],
    sent: [
      [[JSON_VALUE], false],
      [["x", JSON_VALUE, "y"], false],
      [['{"role":"admin","id":7}'], true],
    ],
  },
  {
    name: "allow-json",
    action: "ALLOW",
    header: "x-context",
    values: [JSON_VALUE],
    sent: [
      [[JSON_VALUE], true],
      [[JSON_VALUE, JSON_VALUE], false],
      [["x", JSON_VALUE], false],
    ],
  },
  {
    name: "allow-either",
    action: "ALLOW",
    header: "x-role",
    values: ["a,b", "c"],
    sent: [
      [["a,b"], true],
      [["c", "c"], true],
      [["a,b", "c"], false],
      [["a"], false],
    ],
  },
  {
    name: "allow-prefix",
    action: "ALLOW",
    header: "x-role",
    values: ["user*"],
    sent: [
      [["user, admin"], false],
      [["user-a, user-b"], true],
    ],
  },
  {
    name: "deny-unless",
    action: "DENY",
    header: "x-role",
    notValues: ["a,b"],
    sent: [
      [["a,b"], true],
      [["a,b", "c"], false],
      [["c", "a,b"], false],
      [["a"], false],
      [[], false],
    ],
  },
  {
    name: "allow-unless",
    action: "ALLOW",
    header: "x-role",
    notValues: ["a,b"],
    sent: [
      [["a,b"], false],
      [["c", "a,b"], false],
      [["a, b"], false],
      [["a"], true],
      [[], true],
    ],
  },
  {
    name: "deny-date",
    action: "DENY",
    header: "if-modified-since",
    values: [DATE],
    sent: [
      [[DATE], false],
      [["Mon, 07 Nov 1994 08:49:37 GMT"], true],
    ],
  },
  {
    name: "allow-date",
    action: "ALLOW",
    header: "if-modified-since",
    values: [DATE],
    sent: [
      [[DATE], true],
      [["Mon, 07 Nov 1994 08:49:37 GMT"], false],
    ],
  },
  {
    name: "deny-cookies",
    action: "DENY",
    header: "cookie",
    values: ["role=guest; theme=dark"],
    sent: [
      [["role=guest; theme=dark"], false],
      [["a=1; role=guest; theme=dark; b=2"], false],
      [["a=1", "role=guest; theme=dark"], false],
      [["theme=dark; role=guest"], true],
    ],
  },
  {
    name: "allow-cookies",
    action: "ALLOW",
    header: "cookie",
    values: ["role=guest; theme=dark"],
    sent: [
      [["role=guest; theme=dark"], true],
      [["role=guest; theme=dark; b=2"], false],
      [["role=guest"], false],
    ],
  },
];

const ROUTED = routes("routed", [
  {
    match: [{ headers: { "x-list": { exact: "a,b" } } }],
    headers: { request: { set: { "x-route": "whole" } } },
    route: [{ destination: { host: "routed" } }],
  },
  {
    match: [{ headers: { "x-list": { regex: ".*c,d" } } }],
    headers: { request: { set: { "x-route": "pattern" } } },
    route: [{ destination: { host: "routed" } }],
  },
  { headers: { request: { set: { "x-route": "none" } } }, route: [{ destination: { host: "routed" } }] },
]);

describe("headers whose values hold a list's separator", () => {
  let mesh: EchoMesh;

  beforeAll(async () => {
    const policies = CASES.map(({ name, action, header, values, notValues }) =>
      policy(name, action, { when: [{ key: `request.headers[${header}]`, values, notValues }] }),
    );
    mesh = await EchoMesh.start(12_100, [...CASES.map(({ name }) => name), "routed"], [...policies, ROUTED]);
  });
  afterAll(() => mesh.stop());

  it.each(CASES.flatMap(({ sent, ...one }) => sent.map(([lines, passes]) => ({ ...one, lines, passes }))))(
    "$name, $header of $lines: passes $passes",
    async ({ name, header, lines, passes }) => {
      const { status, text } = await mesh.send(name, "/", { headers: lines.map((line) => [header, line]) });
      expect(status).toBe(passes ? 200 : 403);
      if (!passes) expect(text).toBe("RBAC: access denied");
    },
  );

  it.each([
    { lines: ["a,b"], route: "whole" },
    { lines: ["a", "b"], route: "whole" },
    { lines: ["a, b"], route: "whole" },
    { lines: ["a"], route: "none" },
    { lines: ["b", "a"], route: "none" },
    { lines: ["x", "c,d"], route: "pattern" },
    { lines: ["c", "d"], route: "pattern" },
    { lines: ["c,d", "x"], route: "none" },
  ])("routes of $lines compare the lines joined: $route", async ({ lines, route }) => {
    const { arrived } = await mesh.send("routed", "/", { headers: lines.map((line) => ["x-list", line]) });
    expect(arrived?.headers["x-route"]).toBe(route);
  });
});
