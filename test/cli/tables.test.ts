import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Command, Option } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tulleProgram } from "../../cli/tulle/program.ts";
import { type FakeControl, startFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";
import { folderFor } from "./tulle.ts";

const LONG = "a-name-that-goes-on-and-on-until-no-terminal-holds-it-any-more";
const SERIES = { __name__: "m", destination_workload: LONG, source_workload: LONG };
const TRAFFIC = {
  requests: 600,
  rps: 2,
  errorRate: 0,
  refusedRate: 0,
  p50: 4,
  p95: 180,
  p99: 1_250,
  mtls: 1,
  flags: { DI: 2, UO: 6 },
};
const node = (id: string) => ({ id, kind: "workload", namespace: "default", name: id, inbound: TRAFFIC });

/** What each command is answered, as wide as it may come. */
const ANSWERS: Readonly<Record<string, object>> = {
  "GET /api/v1/audit": {
    entries: [
      {
        id: 12_345,
        at: 1_700_000_000_000,
        actor: LONG,
        verb: "create-token",
        targets: [`token/${LONG}`],
        account: null,
        detail: { name: LONG },
      },
    ],
    next: null,
  },
  "GET /api/v1/status": {
    generation: 12,
    resourceVersion: "40",
    watches: 1,
    gateways: [
      {
        gateway: LONG,
        generation: 12,
        have: 12,
        seenAt: new Date(0).toISOString(),
        format: 3,
        bindings: [],
        problem: `its root is too large: ${LONG}`,
      },
    ],
  },
  "GET /api/v1/graph": {
    window: 300,
    covered: 300,
    nodes: [node(LONG), node("b")],
    edges: [{ from: LONG, to: "b", protocol: "http", ...TRAFFIC }],
  },
  "GET /api/v1/query": {
    data: { resultType: "vector", result: [{ metric: SERIES, value: [1_700_000_000, "12.5"] }] },
  },
  "GET /api/v1/query_range": {
    data: { resultType: "matrix", result: [{ metric: SERIES, values: [[1_700_000_000, "12.5"]] }] },
  },
  "GET /api/v1/revisions": {
    revisions: [{ generation: 3, at: new Date(0).toISOString(), actor: LONG, verb: "apply", changes: 2 }],
    oldest: 3,
  },
  "GET /api/v1/tokens": {
    tokens: [
      {
        id: "0123456789abcdef",
        name: LONG,
        role: "viewer",
        namespace: "shop",
        permissions: ["tail", "explain"],
        createdAt: new Date(0).toISOString(),
        expiresAt: null,
        revokedAt: null,
        lastUsedAt: null,
      },
    ],
  },
  "GET /api/v1/certificates": {
    certificates: [
      {
        spiffeId: `spiffe://cluster.local/ns/shop/sa/${LONG}`,
        serial: "0123456789abcdef",
        issuer: LONG,
        issuedAt: 0,
        expiresAt: 1_700_000_000_000,
      },
    ],
    continue: null,
  },
};

const COMMANDS = [
  ["audit"],
  ["status"],
  ["stat"],
  ["edges"],
  ["top"],
  ["query", "m"],
  ["query", "m", "--range", "1h"],
  ["revisions"],
  ["token", "list"],
  ["cert", "list"],
];

let control: FakeControl;
let folder: string;
beforeAll(async () => {
  control = await startFakeControl();
  folder = folderFor(control.url);
  control.routes = Object.fromEntries(Object.entries(ANSWERS).map(([route, body]) => [route, () => ({ body })]));
});
afterAll(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

const config = (): readonly string[] => ["--kubeconfig", join(folder, ".tulle/kubeconfig")];

describe("the table of a command", () => {
  it.each(COMMANDS.map((args) => ({ name: args.join(" "), args })))(
    "tulle $name fits the terminal, is whole in a pipe, and is no table as JSON",
    async ({ args }) => {
      const whole = await ran([...args, ...config()]);
      expect(whole.code, whole.stderr).toBe(0);
      expect(whole.stdout).toContain(LONG);
      for (const columns of [100, 80, 60]) {
        const { stdout } = await ran([...args, ...config()], { columns });
        expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(columns);
        expect(stdout.split("\n")).toHaveLength(whole.stdout.split("\n").length);
      }
      const { stdout } = await ran([...args, "-o", "json", ...config()], { columns: 60 });
      expect(() => JSON.parse(stdout) as unknown).not.toThrow();
    },
  );

  it("keeps what tells most: of an audit who did what, of a status what is wrong", async () => {
    const audit = (await ran(["audit", ...config()], { columns: 80 })).stdout.split("\n")[0];
    expect(audit).toMatch(/^ID +AT +ACTOR +VERB +TARGETS$/);
    const [, head, line] = (await ran(["status", ...config()], { columns: 60 })).stdout.split("\n");
    expect(head).toMatch(/^GATEWAY +GENERATION +LAST SEEN +STATE$|^GATEWAY +GENERATION +STATE$/);
    expect(line).toContain("its root is");
  });
});

it("a script for a shell is JSON where that is asked for, and the same script", async () => {
  const plain = await ran(["completion", "bash"]);
  const { stdout } = await ran(["completion", "bash", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({ shell: "bash", script: plain.stdout.slice(0, -1) });
});

it("no help text names two defaults, or one in milliseconds", () => {
  const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];
  const texts = all(tulleProgram()).flatMap((command) =>
    command.options.map(
      (option: Option) => `${command.name()} ${option.flags}: ${command.createHelp().optionDescription(option)}`,
    ),
  );
  expect(texts.filter((text) => text.split("default: ").length > 2 || /default: \d{4,}\)/.test(text))).toEqual([]);
});
