import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { times } from "../support/scale.ts";
import { until, within } from "../support/until.ts";
import { APPLIED } from "./arrangements.ts";
import { bindingCallOf, bytesOf } from "./bytes.ts";
import { checkRequest, checkRun, type Seen } from "./conditions.ts";
import {
  type AttackCase,
  type AttackRequest,
  CASES,
  CONTROL_CLASSES,
  type Must,
  patienceOf,
  WAITING,
  WAITS,
} from "./corpus.ts";
import { AttackedMesh, type Reply } from "./fixture.ts";
import { written } from "./generators.ts";
import { named, unknownIn, WARNINGS } from "./known.ts";
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
  /** What was answered where they were taken. */
  const warnings = new Map<string, string>();
  let mesh: AttackedMesh;

  beforeAll(async () => {
    mesh = await AttackedMesh.start(issuer);
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
    await mesh?.stop();
  });

  async function applyPolicies(attack: AttackCase, index: number): Promise<void> {
    const text = policiesOf(attack, index);
    if (text === "") return;
    const answer = await mesh.apply(text);
    if (answer.status !== 200) refused.set(attack.id, `its policies are refused: ${answer.text}`);
    else warnings.set(attack.id, answer.text);
  }

  it.each(NUMBERED)("$name", async ({ index, attack }) => {
    const wait = WAITS.get(attack.id);
    if (wait === undefined) return run(attack, index);
    await expect(run(attack, index), `it holds now: take ${attack.id} out of waits.json`).rejects.toThrow();
  });

  async function run(attack: AttackCase, index: number): Promise<void> {
    const unknown = unknownIn(attack);
    if (unknown !== null) throw new Error(`the runner doesn't know its ${unknown}`);
    return attack.target === "gateway" ? runGateway(attack, index) : runApply(attack);
  }

  async function runGateway(attack: AttackCase, index: number): Promise<void> {
    const { id, must } = attack;
    if (isMeshWide(attack)) {
      await applyPolicies(attack, index);
      await mesh.settled();
    }
    const why = refused.get(id);
    if (why !== undefined) throw new Error(why);
    if (must.warn_at_apply !== undefined) expect(warnings.get(id)).toMatch(WARNINGS.get(must.warn_at_apply) ?? "");
    const fetchedBefore = mesh.outside.fetched.length;
    const seen: Seen[] = [];
    for (const request of written(attack.requests, times(10, 1))) {
      const one = await tried(attack, request, index);
      checkRequest(must, one, seen.length, mesh);
      seen.push(one);
    }
    checkRun(attack, seen, mesh.outside.fetched.slice(fetchedBefore));
  }

  /** Sends one request. Times in tokens are whole seconds: it is sent anew where the second turned meanwhile. */
  async function tried(attack: AttackCase, request: AttackRequest, index: number): Promise<Seen> {
    for (;;) {
      const second = Math.floor(Date.now() / 1_000);
      const [hitsBefore, linesBefore] = [mesh.echo.hits.length, mesh.lines.length];
      const { bytes, reply } = await sent(attack, request, index);
      if (request.jwt !== undefined && second !== Math.floor(Date.now() / 1_000)) continue;
      const hits = mesh.echo.hits.slice(hitsBefore);
      const said = `${bytes.slice(0, 200)} -> ${reply.status} ${reply.body.slice(0, 100)}, ${JSON.stringify(hits).slice(0, 400)} ${mesh.lines.at(-1)}`;
      if (attack.class === "logs-and-secrets") await until("its line", () => mesh.lines.length > linesBefore);
      return { request, said, reply, hits, lines: mesh.lines.slice(linesBefore) };
    }
  }

  async function sent(
    { must }: AttackCase,
    request: AttackRequest,
    index: number,
  ): Promise<{ readonly bytes: string; readonly reply: Reply }> {
    const signers = { authority: mesh.authority, issuer };
    if (request.via === "service-binding") {
      const call = await bindingCallOf(request, index, signers);
      const reply = await within("the answer over the binding", patienceOf(must), mesh.sendByBinding(call));
      return { bytes: JSON.stringify(call), reply };
    }
    const bytes = await bytesOf(request, index, signers);
    return { bytes, reply: await mesh.send(bytes, patienceOf(must)) };
  }

  async function runApply({ setup = {}, requests, must }: AttackCase): Promise<void> {
    const text = setup.document ?? setup.policies;
    const documents =
      text === undefined
        ? requests.flatMap(({ value = "" }) => APPLIED.get(setup.words ?? "")?.(value) ?? [])
        : [text.replaceAll("namespace: prod", "namespace: attacks")];
    expect(documents.length).toBeGreaterThan(0);
    const fetchedBefore = mesh.outside.fetched.length;
    for (const document of documents) {
      const whole = typeof document === "string" ? document : JSON.stringify(document);
      checkApplied(must, await within("the answer", patienceOf(must), mesh.apply(whole, true)), whole);
    }
    if (must.no_fetch === true) expect(mesh.outside.fetched.slice(fetchedBefore)).toEqual([]);
    expect(({} as Record<string, unknown>)["action"]).toBeUndefined();
  }

  function checkApplied(
    must: Must,
    answer: { readonly status: number; readonly text: string },
    document: string,
  ): void {
    const said = `${document.slice(0, 300)} -> ${answer.text}`;
    if (must.apply === "rejected") expect([400, 413, 422], said).toContain(answer.status);
    if (must.apply === "accepted") expect(answer.status, said).toBe(200);
    // Refused, or accepted with a warning: never in silence.
    if (must.apply === undefined)
      expect(answer.status === 422 || answer.text.includes('"warnings":["'), said).toBe(true);
    if (must.error_contains !== undefined) expect(answer.text, said).toContain(must.error_contains);
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
    { attack: { requests: [{ via: "x" }] }, unknown: "way in `x`" },
    { attack: { requests: [{ scheme: "http" }] }, unknown: "request field `scheme`" },
    { attack: { must: { invariant: "x" } }, unknown: "condition `x`" },
    { attack: { requests: [{ generator: "x" }] }, unknown: "generator `x`" },
    { attack: { requests: [{ tls: { keyUsage: [] } }] }, unknown: "tls field `keyUsage`" },
    { attack: { requests: [{ jwt: { header_raw: "" } }] }, unknown: "jwt field `header_raw`" },
    { attack: { must: { warn: "x" } }, unknown: "must field `warn`" },
    { attack: { must: { warn_at_apply: "x" } }, unknown: "warning `x`" },
    { attack: { must: { words: "it is well" } }, unknown: "condition `it is well`" },
  ])("knows no $unknown", ({ attack, unknown }) => {
    const plain = { id: "X-001", title: "x", class: "x", kind: "attack", target: "gateway", requests: [], must: {} };
    expect(unknownIn({ ...plain, ...attack } as AttackCase)).toBe(unknown);
  });
});
