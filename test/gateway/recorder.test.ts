import { describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../src/decide/decision-record.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { Recorder } from "../../workers/gateway/recorder.ts";
import { facts, headers, OPEN, peer, slice } from "../decide/requests.ts";

const RULES = slice({
  policySets: [
    {
      ...OPEN,
      deny: [
        {
          name: "default/keys",
          rules: [
            { when: [{ key: { kind: "header", name: "x-api-key" }, values: [{ kind: "exact", value: "bad" }] }] },
            { when: [{ key: { kind: "header", name: "authorization" }, values: [{ kind: "exact", value: "bad" }] }] },
          ],
        },
      ],
    },
  ],
});

const KEY = Buffer.alloc(32, 7).toString("base64url");

function recorder(dropped: string[] = []): Recorder {
  return new Recorder({ idOf: (of) => (of === RULES ? "slice-1" : null), drop: (reason) => void dropped.push(reason) });
}

function ended(told: { readonly header: string; readonly path?: string }) {
  const journal = new Journal(1_000, "id-1", "GET");
  Object.assign(journal, { status: 200, details: "via_upstream", peer: peer("web") });
  const fields = { "x-api-key": told.header, authorization: "Bearer secret-token", cookie: "a=secret-cookie" };
  const request = facts({ headers: headers(fields), query: "q=secret-query", peer: peer("web") });
  const path = told.path ?? "/";
  return { journal, slice: RULES, facts: { ...request, path, forwardPath: path }, whereabouts: null };
}

async function written(of: Recorder, now = 5_000): Promise<readonly DecisionRecord[]> {
  return (await of.write(now)).map(({ text }) => JSON.parse(text) as DecisionRecord);
}

describe("a decision that is written down", () => {
  it("tells equal API keys by a digest under the mesh's key, and holds no credential, cookie or value of the query", async () => {
    const [one, other] = [recorder(), recorder()];
    for (const each of [one, other]) each.useKey(KEY);
    one.offer(ended({ header: "secret-key" }), 1_001);
    other.offer(ended({ header: "secret-key" }), 1_001);
    other.offer(ended({ header: "another-key" }), 1_001);
    const [first] = await written(one);
    const [second, third] = await written(other);
    const digest = first?.facts?.headers["x-api-key"];
    expect(digest).toMatch(/^hmac:[0-9a-f]{16}$/);
    expect(second?.facts?.headers["x-api-key"]).toBe(digest);
    expect(third?.facts?.headers["x-api-key"]).not.toBe(digest);
    expect(first?.facts?.headers["authorization"]).toBe("*");
    expect(JSON.stringify([first, second, third])).not.toContain("secret");
    expect(first).toMatchObject({ requestId: "id-1", slice: "slice-1", outcome: { verdict: "via_upstream" } });
  });

  it("leaves the value out altogether before the key is there", async () => {
    const of = recorder();
    of.offer(ended({ header: "secret-key" }), 1_001);
    expect((await written(of))[0]?.facts?.headers["x-api-key"]).toBe("*");
  });

  it("goes up a second after the last at the earliest, and not at all where it is too long", async () => {
    const dropped: string[] = [];
    const of = recorder(dropped);
    of.offer(ended({ header: "k" }), 1_001);
    expect(await written(of, 5_000)).toHaveLength(1);
    of.offer(ended({ header: "k" }), 1_001);
    expect([await written(of, 5_999), of.isEmpty]).toEqual([[], false]);
    expect([(await written(of, 6_000)).length, of.isEmpty]).toEqual([1, true]);
    of.offer(ended({ header: "k", path: `/${"a".repeat(20_000)}` }), 1_001);
    expect([await written(of, 8_000), dropped]).toEqual([[], ["record_too_long"]]);
  });

  it("of a request that never found its host's configuration tells what came", async () => {
    const of = recorder();
    const journal = new Journal(1_000, "id-2", "GET");
    Object.assign(journal, { status: 404, details: "no_route", authority: "nobody.test", path: "/a" });
    of.offer({ journal, whereabouts: null }, 1_001);
    expect(await written(of)).toMatchObject([
      { facts: null, slice: null, came: { authority: "nobody.test", path: "/a" }, outcome: { verdict: "no_route" } },
    ]);
  });
});
