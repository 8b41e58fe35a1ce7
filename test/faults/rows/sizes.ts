import type { KubeObject } from "../../../src/resources/object.ts";
import { facts, peer } from "../../decide/requests.ts";
import { compiled, decisions, HOST, Isolate } from "../large-sets.ts";
import { atLeast, atMost, bestOf, type Row } from "../row.ts";

const REQUESTS = 20_000;
const ACCOUNTS = ["web", "cron", "ops"];
const MB = 1e6;
const MAX_LOAD_MS = 150;

/** As people write them: 3.7 MB of JSON are 10,000. */
function policies(count: number): readonly KubeObject[] {
  return Array.from({ length: count }, (_, at) => ({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: `p${at}`, namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      selector: { matchLabels: { app: "api" } },
      action: at % 2 === 0 ? "DENY" : "ALLOW",
      rules: [
        {
          from: [{ source: { principals: [`cluster.local/ns/default/sa/${ACCOUNTS[at % 3]}`] } }],
          to: [{ operation: { methods: ["GET", "POST"], paths: [`/v1/teams/${at}/*`] } }],
        },
      ],
    },
  }));
}

/** So many that they are refused by one rule, let in by another, and let in by none. */
const requests = (of: number) =>
  Array.from({ length: REQUESTS }, (_, at) => {
    const path = `/v1/teams/${(at * 7_919) % of}/x`;
    return facts({ host: HOST, authority: HOST, path, forwardPath: path, peer: peer(ACCOUNTS[at % 3] ?? "") });
  });

/** All in a few policies, under one prefix. */
function rules(count: number): readonly KubeObject[] {
  const A_POLICY = 1_000;
  return Array.from({ length: count / A_POLICY }, (_, policy) => ({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: `p${policy}`, namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      selector: { matchLabels: { app: "api" } },
      action: policy % 2 === 0 ? "DENY" : "ALLOW",
      rules: Array.from({ length: A_POLICY }, (_each, at) => ({
        to: [{ operation: { paths: [`/one/prefix/of/all/${policy * A_POLICY + at}*`] } }],
      })),
    },
  }));
}

function mustMeet(effects: ReadonlyMap<string, number>, ...wanted: readonly string[]): void {
  const missing = wanted.filter((effect) => (effects.get(effect) ?? 0) < REQUESTS / 100);
  if (missing.length > 0) throw new Error(`hardly any request met ${missing.join(", ")}`);
}

export const SIZE_ROWS: readonly Row[] = [
  {
    id: "F35",
    fault: "10,000 policies",
    promise: "they cost little",
    short: true,
    async run(stage) {
      const [some, many] = [policies(5_000), policies(10_000)];
      const isolate = await Isolate.start();
      stage.atEnd(async () => isolate.stop());
      // The half of them first: what runs for the first time costs more.
      const half = decisions(compiled(some), requests(some.length));
      const all = compiled(many);
      const loaded = await isolate.load(all, MAX_LOAD_MS);
      const decided = decisions(all, requests(many.length));
      mustMeet(decided.effects, "forward", "rbac_denied_matched_policy", "rbac_denied_no_allow");
      return [
        atLeast("JSON", JSON.stringify(many).length / MB, 3.6, " MB"),
        atMost("compile, of the CPU", all.cpuMs, 2_000, " ms"),
        bestOf(atMost("load in the isolate, of the CPU", loaded.ms, MAX_LOAD_MS, " ms")),
        atMost("memory of the isolate", loaded.bytes / MB, 40, " MB"),
        atMost("decision, p99", decided.p99Ms, 0.2, " ms"),
        atMost("decision, p50, to 1.2 x + 2 us of half the size", decided.p50Ms * 1_000, half.p50Ms * 1_200 + 2, " us"),
      ];
    },
  },
  {
    id: "F36",
    fault: "100,000 rules that share one path prefix",
    promise: "no linear scan",
    short: true,
    async run() {
      const count = 100_000;
      const all = Array.from({ length: REQUESTS }, (_, at) => {
        const path = `/one/prefix/of/all/${(at * 7_919) % (count * 1.1)}/x`;
        return facts({ host: HOST, authority: HOST, path, forwardPath: path, peer: peer("web") });
      });
      const { p99Ms, effects } = decisions(compiled(rules(count)), all);
      mustMeet(effects, "rbac_denied_matched_policy");
      return [atMost("decision, p99", p99Ms, 1, " ms")];
    },
  },
];
