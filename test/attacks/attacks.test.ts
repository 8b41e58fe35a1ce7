import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesOf } from "./bytes.ts";
import { checkRequest, checkRun, type Seen } from "./conditions.ts";
import { type AttackCase, type AttackRequest, CASES, CONTROL_CLASSES, patienceOf, WAITING, WAITS } from "./corpus.ts";
import { AttackedMesh } from "./fixture.ts";
import { named, unknownIn } from "./known.ts";
import { AttackIssuer } from "./tokens.ts";
import { BASE, isMeshWide, policiesOf, world } from "./worlds.ts";

interface Numbered {
  readonly index: number;
  readonly attack: AttackCase;
  readonly name: string;
}

const NUMBERED: readonly Numbered[] = CASES.entries()
  .map(([index, attack]) => ({ index, attack, name: named(attack) }))
  .filter(({ attack }) => !CONTROL_CLASSES.has(attack.class))
  .toArray()
  .toSorted((a, b) => Number(isMeshWide(a.attack)) - Number(isMeshWide(b.attack)));

describe("the attack cases", () => {
  const issuer = new AttackIssuer();
  /** Why the policies of a case were refused. */
  const refused = new Map<string, string>();
  let mesh: AttackedMesh;

  beforeAll(async () => {
    mesh = await AttackedMesh.start(issuer.jwks);
    expect(await mesh.apply(BASE)).toMatchObject({ status: 200 });
    const gateway = NUMBERED.filter(({ attack }) => attack.target === "gateway" && unknownIn(attack) === null);
    for (let at = 0; at < gateway.length; at += 100) {
      const worlds = gateway.slice(at, at + 100).map(({ index }) => world(index));
      expect(await mesh.apply(worlds.join("\n---\n"))).toMatchObject({ status: 200 });
    }
    for (const { attack, index } of gateway) if (!isMeshWide(attack)) await applyPolicies(attack, index);
    await mesh.settled();
  });

  afterAll(async () => {
    for (const name of new Set(NUMBERED.map(({ attack }) => attack.class))) {
      const cases = NUMBERED.filter(({ attack }) => attack.class === name);
      const waiting = cases.filter(({ attack }) => WAITS.has(attack.id)).length;
      console.log(`attacks, ${name}: ${cases.length - waiting} hold, ${waiting} wait`);
    }
    await mesh.stop();
  });

  async function applyPolicies(attack: AttackCase, index: number): Promise<void> {
    if (attack.setup?.policies === undefined) return;
    const answer = await mesh.apply(policiesOf(attack, index));
    if (answer.status !== 200) refused.set(attack.id, `its policies are refused: ${answer.text}`);
  }

  it.each(NUMBERED)("$name", async ({ index, attack }) => {
    const wait = WAITS.get(attack.id);
    if (wait === undefined) return run(attack, index);
    await expect(run(attack, index), `it holds now: take ${attack.id} out of waits.json`).rejects.toThrow();
  });

  async function run(attack: AttackCase, index: number): Promise<void> {
    const unknown = unknownIn(attack);
    if (unknown !== null) throw new Error(`the runner doesn't know its ${unknown}`);
    return attack.target === "compile" ? runCompile(attack) : runGateway(attack, index);
  }

  async function runGateway(attack: AttackCase, index: number): Promise<void> {
    if (isMeshWide(attack)) {
      await applyPolicies(attack, index);
      await mesh.settled();
    }
    const why = refused.get(attack.id);
    if (why !== undefined) throw new Error(why);
    const seen: Seen[] = [];
    for (const request of attack.requests) {
      const one = await tried(attack, request, index);
      checkRequest(attack.must, one, seen.length, mesh);
      seen.push(one);
    }
    checkRun(attack, seen);
  }

  /** Sends one request. Times in tokens are whole seconds: it is sent anew where the second turned meanwhile. */
  async function tried(attack: AttackCase, request: AttackRequest, index: number): Promise<Seen> {
    for (;;) {
      const second = Math.floor(Date.now() / 1_000);
      const bytes = await bytesOf(request, index, { authority: mesh.authority, issuer });
      const before = mesh.hits.length;
      const reply = await mesh.send(bytes, patienceOf(attack.must));
      if (request.jwt !== undefined && second !== Math.floor(Date.now() / 1_000)) continue;
      const hits = mesh.hits.slice(before);
      const said = `${bytes.slice(0, 200)} -> ${reply.status}, ${JSON.stringify(hits).slice(0, 400)}`;
      return { said, reply, hits };
    }
  }

  async function runCompile({ setup, must }: AttackCase): Promise<void> {
    const text = setup?.document ?? setup?.policies ?? "";
    const answer = await mesh.apply(text.replaceAll("namespace: prod", "namespace: attacks"), true);
    if (must.apply === "rejected") expect([400, 413, 422], answer.text).toContain(answer.status);
    if (must.apply === "accepted") expect(answer.status, answer.text).toBe(200);
    if (must.apply === undefined) {
      // Refused, or accepted with a warning: never in silence.
      expect(answer.status === 422 || answer.text.includes('"warnings":["'), answer.text).toBe(true);
    }
    expect(({} as Record<string, unknown>)["action"]).toBeUndefined();
  }
});

describe("the cases that wait", () => {
  it("are cases, each listed once with what is missing and where it will be built", () => {
    const ids = new Set(CASES.map(({ id }) => id));
    expect(WAITING.filter((wait) => !ids.has(wait.case))).toEqual([]);
    expect(WAITS.size).toBe(WAITING.length);
    for (const { missing, area } of WAITING) expect([missing, area]).not.toContain("");
  });
});

describe("the runner", () => {
  it.each([
    { attack: {}, unknown: null },
    { attack: { target: "unit" }, unknown: "target `unit`" },
    { attack: { policies: "" }, unknown: "case field `policies`" },
    { attack: { setup: { generator: "x" } }, unknown: "setup field `generator`" },
    { attack: { setup: { words: "it rains" } }, unknown: "setup `it rains`" },
    { attack: { requests: [{ via: "x" }] }, unknown: "request field `via`" },
    { attack: { requests: [{ tls: { keyUsage: [] } }] }, unknown: "tls field `keyUsage`" },
    { attack: { requests: [{ jwt: { header_raw: "" } }] }, unknown: "jwt field `header_raw`" },
    { attack: { must: { warn: "x" } }, unknown: "must field `warn`" },
    { attack: { must: { words: "it is well" } }, unknown: "condition `it is well`" },
  ])("knows no $unknown", ({ attack, unknown }) => {
    const plain = { id: "X-001", title: "x", class: "x", kind: "attack", target: "gateway", requests: [], must: {} };
    expect(unknownIn({ ...plain, ...attack } as AttackCase)).toBe(unknown);
  });
});
