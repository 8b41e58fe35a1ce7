import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditBreak } from "../../workers/control/audit-witness.ts";
import { auditLog } from "../../workers/control/db/audit.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";

let control: RunningControl;

beforeAll(async () => {
  control = await RunningControl.start();
  for (const trigger of ["audit_kept", "audit_unchanged"]) await control.sql(`DROP TRIGGER ${trigger}`);
});
afterAll(() => control.stop());

async function verified() {
  const { status, json } = await control.call("GET", "/api/v1/audit/verify");
  expect(status).toBe(200);
  return json as unknown as {
    readonly intact: boolean;
    readonly broken: { readonly id: number } | null;
    readonly breaks: readonly AuditBreak[];
    readonly last: { readonly id: number };
  };
}

async function write(name: string): Promise<void> {
  expect((await control.call("POST", "/api/v1/tokens", { name, role: "viewer" })).status).toBe(201);
}

async function saved(table: string): Promise<void> {
  await control.sql(`CREATE TABLE ${table} AS SELECT * FROM audit`);
}

async function restored(table: string): Promise<void> {
  await control.sql("DELETE FROM audit");
  await control.sql(`INSERT INTO audit SELECT * FROM ${table}`);
}

const accept = async (seen: unknown, reason?: string) =>
  control.call("POST", "/api/v1/audit/restores", { seen, ...(reason !== undefined && { reason }) });

/** The newest break, once it was noticed. */
async function noticed(count: number): Promise<AuditBreak> {
  await until("the break to be noticed", async () => (await verified()).breaks.length === count);
  const found = (await verified()).breaks.at(-1);
  if (found === undefined) throw new Error("no break");
  return found;
}

describe("an audit that was restored", () => {
  let end = 0;
  let count = 0;
  beforeEach(async () => {
    const { last, breaks } = await verified();
    [end, count] = [last.id, breaks.length];
  });

  it("tells which row that had been seen it went back to, and holds again once an administrator said so, in a row of its own", async () => {
    await saved("one");
    await write("lost");
    await write("lost-too");
    // It answers when what was written has been witnessed.
    await verified();
    await restored("one");
    await write("after");
    const found = await noticed(count + 1);
    expect(found).toMatchObject({ seen: { id: end + 2 }, kept: { id: end }, accepted: null });
    expect((await verified()).intact).toBe(false);
    expect(await accept(found.seen, "back to noon")).toMatchObject({
      status: 201,
      json: { kept: { id: end }, accepted: { id: end + 2 } },
    });
    expect(await verified()).toMatchObject({ intact: true, broken: null, last: { id: end + 2 } });
    const { json } = await control.call("GET", "/api/v1/audit?verb=accept-restore&limit=1");
    expect(json["entries"]).toMatchObject([
      {
        actor: "admin",
        targets: [`audit/${end}`],
        detail: {
          seen: `${found.seen.id} ${found.seen.hash}`,
          kept: expect.stringMatching(`^${end} `),
          reason: "back to noon",
        },
      },
    ]);
    await control.evict();
    expect((await verified()).intact).toBe(true);
  });

  it("shows all the same what is done to it afterwards", async () => {
    await saved("two");
    await control.sql("UPDATE audit SET actor = 'x' WHERE id = 2");
    expect(await verified()).toMatchObject({ intact: false, broken: { id: 2 } });
    await restored("two");
    expect((await verified()).intact).toBe(true);
    await control.sql(`DELETE FROM audit WHERE id = ${end}`);
    expect(await verified()).toMatchObject({ intact: false, broken: null });
    const found = await noticed(count + 1);
    expect([found.seen.id, found.kept?.id]).toEqual([end, end - 1]);
    // The row that accepted the first restore went with it: nobody says any more that there was one.
    expect((await verified()).breaks[0]?.accepted).toBeNull();
    for (const { seen } of (await verified()).breaks) expect((await accept(seen)).status).toBe(201);
    expect((await verified()).intact).toBe(true);
  });

  it("is none where no row that had been seen is in it: that is told for good", async () => {
    await control.sql("DELETE FROM audit");
    const log = auditLog(await control.database());
    for (let at = 0; at < end + 3; at += 1) await log.add({ actor: "nobody", verb: "create-token", targets: [], at });
    const found = await noticed(count + 1);
    expect(found).toMatchObject({ seen: { id: end }, kept: null });
    const refused = await accept(found.seen);
    expect([refused.status, refused.json["message"]]).toEqual([409, expect.stringContaining("no restore")]);
    expect((await accept({ ...found.seen, hash: "0".repeat(64) })).status).toBe(404);
    expect((await accept({ id: 1 })).status).toBe(400);
    expect((await verified()).intact).toBe(false);
  });
});
