import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLog } from "../../workers/control/db/audit.ts";
import type { AuditBreak } from "../../workers/control/audit-witness.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";

interface Entry {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly verb: string;
  readonly targets: readonly string[];
  readonly account: string | null;
  readonly detail: Readonly<Record<string, string>> | null;
}

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

let control: RunningControl;

async function entries(query = ""): Promise<readonly Entry[]> {
  const answer = await control.call("GET", `/api/v1/audit${query}`);
  expect(answer.status).toBe(200);
  return answer.json["entries"] as unknown as readonly Entry[];
}

async function verified(after = 0) {
  const answer = await control.call("GET", `/api/v1/audit/verify?after=${after}`);
  expect(answer.status).toBe(200);
  return answer.json as unknown as {
    readonly intact: boolean;
    readonly checked: number;
    readonly last: { readonly id: number } | null;
    readonly broken: { readonly id: number; readonly problem: string } | null;
    readonly breaks: readonly AuditBreak[];
    readonly next: number | null;
  };
}

/** Who has the database has its triggers too. */
async function tamper(...statements: readonly string[]): Promise<void> {
  for (const statement of [
    "DROP TRIGGER IF EXISTS audit_kept",
    "DROP TRIGGER IF EXISTS audit_unchanged",
    ...statements,
  ])
    await control.sql(statement);
}

beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

describe("the audit", () => {
  it("says by which token something was done, and what a token may do", async () => {
    const made = await control.call("POST", "/api/v1/tokens", { name: "ci", role: "editor", namespace: "default" });
    const [of, token] = [String(made.json["id"]), String(made.json["token"])];
    const [row] = await entries("?limit=1");
    expect(row).toMatchObject({ actor: "admin", verb: "create-token", targets: [`token/${of}`] });
    expect(row?.account).toMatch(/^token\/[0-9a-f-]{36}$/);
    expect(row?.detail).toEqual({ name: "ci", role: "editor", namespace: "default" });
    const rule = {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name: "told" },
      spec: { host: "a" },
    };
    expect((await control.call("POST", RULES, rule, { token })).status).toBe(201);
    const written = (await entries("?verb=create")).find(({ actor }) => actor === "ci");
    expect(written).toMatchObject({
      account: `token/${of}`,
      targets: ["networking.istio.io/DestinationRule/default/told"],
    });
  });

  it("is read in pages, from the newest back or from a row on", async () => {
    for (let at = 0; at < 5; at += 1) await control.call("POST", "/api/v1/tokens", { name: `n${at}`, role: "viewer" });
    const all = await entries("?limit=1000");
    expect(all.map(({ id }) => id)).toEqual(all.map((_, at) => all.length - at));
    const back: number[] = [];
    for (let query = "?limit=2"; ;) {
      const { json } = await control.call("GET", `/api/v1/audit${query}`);
      back.push(...(json["entries"] as unknown as readonly Entry[]).map(({ id }) => id));
      if (json["next"] === null) break;
      query = `?limit=2&before=${json["next"]}`;
    }
    expect(back).toEqual(all.map(({ id }) => id));
    expect((await entries("?after=2&limit=3")).map(({ id }) => id)).toEqual([3, 4, 5]);
    // A limit that is too large is no reason to refuse.
    expect(await entries("?limit=999999999")).toHaveLength(all.length);
  });

  it("is filtered by who, what, on what and when", async () => {
    const made = await control.call("POST", "/api/v1/tokens", { name: "sought", role: "viewer" });
    const target = `token/${String(made.json["id"])}`;
    await control.call("DELETE", `/api/v1/tokens/${String(made.json["id"])}`);
    expect((await entries(`?target=${target}`)).map(({ verb }) => verb)).toEqual(["revoke-token", "create-token"]);
    expect(await entries(`?target=${target.slice(0, -1)}`)).toEqual([]);
    const revoked = await entries(`?target=${target}&verb=revoke-token&actor=admin`);
    expect(revoked).toHaveLength(1);
    expect(await entries(`?target=${target}&actor=somebody`)).toEqual([]);
    const at = new Date(revoked[0]?.at ?? 0).toISOString();
    expect((await entries(`?from=${at}&to=${at}`)).map(({ id }) => id)).toContain(revoked[0]?.id);
    expect(await entries("?to=2020-01-01")).toEqual([]);
    expect(await entries("?from=2999-01-01T00:00:00Z")).toEqual([]);
  });

  it("holds rows of many refusals back, and tells how many there were", async () => {
    const log = auditLog(await control.database());
    const refusal = { actor: "somebody", verb: "refuse-trial", targets: [], detail: { reason: "token_unknown" } };
    for (let at = 0; at < 50; at += 1) await log.refused({ ...refusal, at });
    expect(await entries("?verb=refuse-trial")).toHaveLength(20);
    await log.refused({ ...refusal, at: 60_000 });
    const [last] = await entries("?verb=refuse-trial");
    expect(last?.detail).toEqual({ reason: "token_unknown", leftOut: "30" });
  });

  it("lets nobody change or delete a row, by a slip in a console either", async () => {
    for (const statement of [
      "DELETE FROM audit WHERE id = 1",
      "DELETE FROM audit",
      "UPDATE audit SET actor = 'x' WHERE id = 2",
    ])
      await expect(control.sql(statement)).rejects.toThrow(/rows of the audit are kept/);
    expect(await verified()).toMatchObject({ intact: true, broken: null, next: null });
  });

  it("holds with rows from before there were accounts", async () => {
    const rows = Number((await control.sql("SELECT count(*) AS n FROM audit"))[0]?.["n"]);
    const [last] = await control.sql(`SELECT hash FROM audit WHERE id = ${rows}`);
    const row = [rows + 1, 1, "old", "apply", "[]", 1, String(last?.["hash"])];
    const hash = Buffer.from(
      await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(row))),
    ).toString("hex");
    await control.sql(
      `INSERT INTO audit (id, at, actor, verb, targets, generation, previous, hash) VALUES (${row.map((value) => (typeof value === "number" ? value : `'${value}'`)).join(", ")}, '${hash}')`,
    );
    expect((await control.call("POST", "/api/v1/tokens", { name: "after", role: "viewer" })).status).toBe(201);
    expect(await verified()).toMatchObject({ intact: true, checked: rows + 2 });
    // From any row on, taken for good.
    expect(await verified(rows)).toMatchObject({ intact: true, checked: 2, last: { id: rows + 2 } });
    expect(await verified(rows + 100)).toMatchObject({ broken: { id: rows + 100, problem: "missing" } });
  });
});

describe("an audit that somebody wrote to past control", () => {
  it.each([
    {
      name: "a changed actor",
      statement: "UPDATE audit SET actor = 'x' WHERE id = 2",
      broken: { id: 2, problem: "changed" },
    },
    {
      name: "a changed account",
      statement: "UPDATE audit SET account = NULL WHERE id = 2",
      broken: { id: 2, problem: "changed" },
    },
    {
      name: "a changed detail",
      statement: `UPDATE audit SET detail = '{"role":"viewer"}' WHERE id = 2`,
      broken: { id: 2, problem: "changed" },
    },
    { name: "a row that is gone", statement: "DELETE FROM audit WHERE id = 2", broken: { id: 2, problem: "missing" } },
    {
      name: "a first row that is gone",
      statement: "DELETE FROM audit WHERE id = 1",
      broken: { id: 1, problem: "missing" },
    },
    {
      name: "another hash",
      statement: "UPDATE audit SET hash = 'ab' WHERE id = 2",
      broken: { id: 2, problem: "changed" },
    },
    {
      name: "another hash before",
      statement: "UPDATE audit SET previous = 'ab' WHERE id = 2",
      broken: { id: 2, problem: "unchained" },
    },
  ])("shows $name, and where", async ({ statement, broken }) => {
    await tamper("CREATE TABLE untouched AS SELECT * FROM audit", statement);
    expect(await verified()).toMatchObject({ intact: false, broken });
    await tamper("DELETE FROM audit", "INSERT INTO audit SELECT * FROM untouched", "DROP TABLE untouched");
    expect(await verified()).toMatchObject({ intact: true, broken: null });
  });

  it("shows that its end was cut off, though every hash is right, and goes on to tell of it", async () => {
    const [last] = await entries("?limit=1");
    await tamper(`DELETE FROM audit WHERE id > ${Number(last?.id) - 2}`);
    expect((await control.call("POST", "/api/v1/tokens", { name: "after", role: "viewer" })).status).toBe(201);
    await until("the cut to be noticed", async () => !(await verified()).intact);
    const { broken, breaks } = await verified();
    expect([broken, breaks.map(({ seen }) => seen.id)]).toEqual([null, [last?.id]]);
    await control.evict();
    expect((await verified()).breaks).toHaveLength(1);
  });

  it("shows that all of it was written anew, with hashes that are right", async () => {
    const [last] = await entries("?limit=1");
    await tamper("DELETE FROM audit");
    const log = auditLog(await control.database());
    for (let at = 0; at < Number(last?.id) + 3; at += 1)
      await log.add({ actor: "nobody", verb: "create-token", targets: [], at });
    const { intact, broken, breaks } = await verified();
    expect([intact, broken, breaks.map(({ seen }) => seen.id)]).toEqual([false, null, [expect.any(Number), last?.id]]);
  });

  it("shows that no row is left", async () => {
    await tamper("DELETE FROM audit");
    expect(await verified()).toMatchObject({ intact: false, checked: 0, breaks: [{}, {}, { found: null }] });
    // Noticed once.
    expect((await verified()).breaks).toHaveLength(3);
  });
});
