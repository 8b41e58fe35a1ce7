import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { leavesOf } from "../../cli/docs/cli-page.ts";
import { tulleProgram } from "../../cli/tulle/program.ts";
import { useFakeControl } from "./fake-control.ts";
import { ran } from "./in-process.ts";
import { write } from "./tulle.ts";

const AT = "2026-01-31T12:00:00Z";
const LINE = "x".repeat(40);
const TOKEN = { id: "t", token: "tulle_t", name: "ci", role: "viewer", namespace: null };
const AUTHORITY = { certificates: [], next: [], issued: 3, revoked: 0, hasRequest: false };
const REVISION = { generation: 2, at: AT, actor: LINE, verb: "apply" };
const CHANGED = { group: "g.test", kind: "Kind", namespace: "shop", name: LINE };
const RESULT = { apiVersion: "g.test/v1", kind: "Kind", namespace: "shop", name: "reviews", action: "deleted" };
const EXPLAINED = {
  verdict: { effect: "answer", code: "no_route", status: 404, policy: null, route: null, cluster: null },
  generation: 7,
  scope: "mesh/shop",
  host: `${LINE}.test`,
  slice: null,
  request: null,
  stages: [
    {
      stage: "deny",
      at: "destination",
      outcome: "refused",
      detail: `rule 0 matches ${LINE} ${LINE}`,
      object: { kind: "AuthorizationPolicy", namespace: "shop", name: LINE },
      field: "spec.rules[0]",
      revision: { generation: 3, at: AT, actor: LINE },
      compared: [{ field: "to", of: "path", actual: `/${LINE}`, wanted: [`/${LINE}`, `/${LINE}`], holds: true }],
      failed: null,
    },
  ],
  endpoints: [],
  record: null,
  hops: [],
  windows: [],
};

/** Each that asks control and is not in another test, with what it is answered. */
const ASKED: Readonly<Record<string, { readonly args?: readonly string[]; readonly routes?: Routes }>> = {
  "tulle explain": { args: ["00000000-0000-4000-8000-000000000000"], routes: { "GET /api/v1/explain": EXPLAINED } },
  "tulle dashboard": { args: ["--link"], routes: { "POST /api/v1/sign-in-codes": { code: "c", expiresAt: 0 } } },
  "tulle limits reset": { args: ["shop/p/l"], routes: { "POST /api/v1/limits/reset": { counters: [LINE] } } },
  "tulle revisions show": {
    args: ["2"],
    routes: { "GET /api/v1/revisions/2": { ...REVISION, changes: [{ type: "ADDED", ...CHANGED }] } },
  },
  "tulle rollback": { args: ["2"], routes: { "POST /api/v1/rollback": { generation: 4, results: [RESULT] } } },
  "tulle token bootstrap": { routes: { "POST /api/v1/bootstrap": TOKEN } },
  "tulle token revoke": { args: ["t"], routes: { "DELETE /api/v1/tokens/t": null } },
  "tulle login": {
    args: ["--id-token-file", "id.jwt"],
    routes: { "POST /api/v1/sessions": { ...TOKEN, expiresAt: 1_800_000_000_000 } },
  },
  "tulle logout": { routes: { "DELETE /api/v1/sessions/current": null } },
  "tulle session list": { routes: { "GET /api/v1/sessions": { sessions: [] } } },
  "tulle session end": { args: ["s"], routes: { "DELETE /api/v1/sessions/s": null } },
  "tulle cert revoke": {
    args: ["--serial", "0a"],
    routes: { "POST /api/v1/revocations": { kind: "serial", value: "0a", until: 0, at: 0, reason: "" } },
  },
  "tulle cert unrevoke": { args: ["--serial", "0a"], routes: { "DELETE /api/v1/revocations": null } },
  "tulle ca show": { routes: { "GET /api/v1/ca": AUTHORITY } },
  "tulle ca rotate": { routes: { "POST /api/v1/ca/rotate": { signsFrom: 0 } } },
  "tulle ca csr": { routes: { "POST /api/v1/ca/csr": "-----BEGIN CERTIFICATE REQUEST-----\n" } },
  "tulle ca import": { args: ["chain.pem"], routes: { "POST /api/v1/ca/import": { signsFrom: 0 } } },
  "tulle ca backup": {
    args: ["--out", "ca.backup", "--key-file", "ca.key"],
    routes: { "POST /api/v1/ca/backup": { backup: "sealed" } },
  },
  "tulle ca restore": {
    args: ["sealed.backup", "--key-file", "known.key"],
    routes: { "POST /api/v1/ca/restore": AUTHORITY },
  },
  "tulle version": {},
};

type Routes = Readonly<Record<string, unknown>>;

/** Tests of one command, which ask for JSON. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "tulle init": "cli/init.long",
  "tulle dev": "tools/package",
  "tulle deploy": "deploy/command.long",
  "tulle apply": "cli/apply.long",
  "tulle analyze": "cli/analyze.long",
  "tulle status": "cli/status.long",
  "tulle stat": "cli/tables",
  "tulle edges": "cli/tables",
  "tulle top": "cli/tables",
  "tulle query": "cli/tables",
  "tulle check": "cli/check.long",
  "tulle mode": "cli/mode",
  "tulle decide": "cli/decide.long",
  "tulle describe": "cli/describe",
  "tulle tail": "cli/tail",
  "tulle limits list": "cli/limits",
  "tulle revisions list": "cli/tables",
  "tulle token create": "cli/tokens.long",
  "tulle token list": "cli/tables",
  "tulle audit": "cli/tables",
  "tulle cert show": "cli/certificates.long",
  "tulle cert list": "cli/tables",
  "tulle agent": "agent/agents.long",
  "tulle completion": "cli/tables",
  "tulle key create": "cli/keys",
  "tulle key list": "cli/keys",
  "tulle key revoke": "cli/keys",
  "tulle fault add": "cli/faults",
  "tulle fault list": "cli/faults",
  "tulle fault clear": "cli/faults",
};
/** They have it by the code of others: `tulle deploy` beside it, `tulle cert show` of what it wrote. */
const ALIKE = ["tulle destroy", "tulle cert enrol"];

const control = useFakeControl();
beforeAll(() => {
  for (const [name, text] of Object.entries({ "id.jwt": "a.b.c", "chain.pem": "x", "sealed.backup": "x" }))
    write(control.folder, name, text);
  write(control.folder, "known.key", "k".repeat(43));
});

const leaves = leavesOf(tulleProgram()).map(({ path }) => path);

describe("every command", () => {
  it("is here, or in a test of its own that asks it for JSON", () => {
    expect([...Object.keys(ASKED), ...Object.keys(ELSEWHERE), ...ALIKE].toSorted()).toEqual(leaves.toSorted());
    for (const [path, name] of Object.entries(ELSEWHERE)) {
      const text = readFileSync(join(import.meta.dirname, `../${name}.test.ts`), "utf8");
      const words = path.split(" ").slice(1);
      expect([path, text.includes(words[0] ?? ""), /"-o", "json"/.test(text)]).toEqual([path, true, true]);
    }
  });

  it.each(Object.entries(ASKED).map(([path, of]) => ({ path, ...of })))(
    "$path is one document of JSON, plain and no wider than the terminal without",
    async ({ path, args = [], routes = {} }) => {
      control.routes = Object.fromEntries(Object.entries(routes).map(([route, body]) => [route, () => ({ body })]));
      const run = async (more: readonly string[], columns?: number) => {
        rmSync(join(control.folder, "ca.backup"), { force: true });
        const words = [...path.split(" ").slice(1), ...args.map(inFolder), ...more];
        const ended = await ran(
          [...words, "--kubeconfig", join(control.folder, ".tulle/kubeconfig")],
          columns ? { columns } : {},
        );
        expect([words.join(" "), ended.code, ended.stderr.match(/^error.*/m)?.[0]]).toEqual([
          words.join(" "),
          0,
          undefined,
        ]);
        return ended.stdout;
      };
      const json = await run(["-o", "json"]);
      expect(JSON.parse(json)).toSatisfy((value) => typeof value === "object" && value !== null);
      for (const columns of [80, 60])
        for (const line of (await run([], columns)).split("\n")) {
          expect(line).not.toContain("\u001B");
          // A word that is longer than the terminal is left whole, to be copied.
          expect(line.length <= columns || !line.trim().includes(" "), line).toBe(true);
        }
    },
  );

  function inFolder(arg: string): string {
    return /^[\w-]+\.(jwt|pem|backup|key)$/.test(arg) ? join(control.folder, arg) : arg;
  }
});
