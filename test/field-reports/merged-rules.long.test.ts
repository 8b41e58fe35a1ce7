import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

/** One rule: its name, which its answers carry in `x-rule`, and what it has beside its destination. */
type Rule = readonly [name: string, match: string];

interface Case {
  readonly name: string;
  readonly older: readonly Rule[];
  readonly newer: readonly Rule[];
  /** Path and query, then the rule that must answer. */
  readonly calls: readonly (readonly [target: string, rule: string])[];
  readonly to?: string;
}

const API: Rule = ["api", "match: [{ uri: { prefix: /api } }]"];
const all = (match: string): readonly Rule[] => [["all", match]];
const SPECIFIC_FIRST = [
  ["/api/x", "api"],
  ["/other", "all"],
] as const;

/** Each on a host of its own, which two VirtualServices of the Gateway share. */
const CASES: readonly Case[] = [
  {
    name: "an older regex of anything",
    older: all('match: [{ uri: { regex: ".*" } }]'),
    newer: [API],
    calls: SPECIFIC_FIRST,
  },
  {
    name: "an older prefix of the root",
    older: all("match: [{ uri: { prefix: / } }]"),
    newer: [API],
    calls: SPECIFIC_FIRST,
  },
  {
    name: "an older prefix of the root whose case is ignored",
    older: all("match: [{ uri: { prefix: / }, ignoreUriCase: true }]"),
    newer: [API],
    calls: SPECIFIC_FIRST,
  },
  { name: "an older rule without matches", older: all(""), newer: [API], calls: SPECIFIC_FIRST },
  {
    name: "an older block that has only a name",
    older: all("match: [{ name: any }]"),
    newer: [API],
    calls: SPECIFIC_FIRST,
  },
  {
    name: "an older block that has only the listener's port",
    older: all("match: [{ port: 8080 }]"),
    newer: [API],
    calls: SPECIFIC_FIRST,
  },
  {
    name: "an older rule without matches to a service of two ports, none of them named",
    older: all(""),
    newer: [API],
    calls: SPECIFIC_FIRST,
    to: "{ host: two-ports }",
  },
  {
    name: "an older rule of a path and of everything: its path stays first",
    older: all("match: [{ uri: { prefix: /api/old } }, { uri: { prefix: / } }]"),
    newer: [API],
    calls: [
      ["/api/old", "all"],
      ["/api/x", "api"],
      ["/other", "all"],
    ],
  },
  {
    name: "an older catch-all with a rule behind it: that one stays unreachable",
    older: [
      ["all", "match: [{ uri: { prefix: / } }]"],
      ["dead", "match: [{ uri: { prefix: /dead } }]"],
    ],
    newer: [API],
    calls: [
      ["/dead", "all"],
      ["/api/x", "api"],
    ],
  },
  {
    name: "two catch-alls: the older answers",
    older: all('match: [{ uri: { regex: ".*" } }]'),
    newer: [API, ["younger", ""]],
    calls: SPECIFIC_FIRST,
  },
  {
    name: "a regex of all paths below the root is no catch-all: it keeps its age",
    older: all('match: [{ uri: { regex: "/.*" } }]'),
    newer: [API],
    calls: [["/api/x", "all"]],
  },
  {
    name: "a root prefix with a method is no catch-all: it keeps its age",
    older: all("match: [{ uri: { prefix: / }, method: { exact: GET } }]"),
    newer: [API],
    calls: [["/api/x", "all"]],
  },
  {
    name: "any path with a query parameter is no catch-all: it keeps its age",
    older: all('match: [{ uri: { regex: ".*" }, queryParams: { v: { exact: "1" } } }]'),
    newer: [API],
    calls: [
      ["/api/x?v=1", "all"],
      ["/api/x", "api"],
    ],
  },
  {
    name: "rules that are not for all requests keep their age",
    older: all("match: [{ uri: { prefix: /a } }]"),
    newer: [API],
    calls: [["/api/x", "all"]],
  },
];

const DETAILS = "{ host: details, port: { number: 9080 } }";

/** A second name for the details, by two ports; and the way in may call them. */
const SERVICES = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: details-from-outside }
spec: { selector: { matchLabels: { app: details } }, rules: [{}] }
---
apiVersion: v1
kind: Service
metadata: { name: two-ports }
spec:
  selector: { app: details }
  ports: [{ name: http, port: 8080 }, { name: http-other, port: 9080 }]
`;

function virtualService(name: string, host: string, rules: readonly Rule[], to = DETAILS): string {
  const http = rules.map(
    ([rule, match]) => `
    - name: ${rule}
      headers: { response: { set: { x-rule: ${rule} } } }
      route: [{ destination: ${to} }]
      ${match}`,
  );
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${host}]
  gateways: [bookinfo-gateway]
  http:${http.join("")}
`;
}

describe("rules of one host from two VirtualServices of a Gateway", () => {
  let mesh: RunningMesh;
  const hostOf = (index: number): string => `merged-${index}.test`;
  const call = (index: number, target: string): Promise<Answer> =>
    send(`${mesh.info.gateway}${target}`, { host: hostOf(index) });

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "21800", "--loopback", "127.0.38.0/24"]);
    // Objects of one second are told apart by name.
    const pairs = CASES.map(({ older, newer, to }, index) =>
      [
        virtualService(`a-older-${index}`, hostOf(index), older, to),
        virtualService(`b-newer-${index}`, hostOf(index), newer, to),
      ].join("---"),
    );
    await mesh.mustApply([SERVICES, ...pairs].join("---"));
    const last = CASES.length - 1;
    await until("the last host is served", async () => (await call(last, "/api/x")).headers["x-rule"] !== undefined);
    // What a gateway needs of a host comes with its first request, which may come too early on a busy machine.
    for (let index = 0; index < last; index += 1)
      await until("the others to be known", async () => (await call(index, "/api/x")).status !== 503);
  });
  afterAll(() => mesh.stop());

  it.each(CASES.map((one, index) => ({ ...one, index })))("$name", async ({ index, calls }) => {
    for (const [target, rule] of calls) {
      const answer = await call(index, target);
      expect([target, answer.headers["x-rule"]]).toEqual([target, rule]);
    }
  });
});
