import { describe, expect, it } from "vitest";
import { arrangementOf } from "./arrangements.ts";
import { type AttackCase, expanded, WAITING, waitOf } from "./corpus.ts";
import { written } from "./generators.ts";
import { strangerIn } from "./known.ts";
import { demand, NotCovered, type Outcome } from "./outcome.ts";
import { final } from "./raw-answer.ts";
import { summary, tally } from "./report.ts";
import { AttackRun } from "./runner.ts";
import { AttackIssuer } from "./tokens.ts";
import { OWN, tryCases } from "./try-cases.ts";
import { heldBy } from "./words.ts";

const ON_MESH = new Set(["gateway", "snapshot", "unit"]);

/** Those that change what holds for others come last. */
const CASES = OWN.filter(({ target }) => ON_MESH.has(target)).toSorted(
  (a, b) => Number(isAlone(a)) - Number(isAlone(b)),
);

function isAlone({ setup }: AttackCase): boolean {
  return setup?.policies?.includes("mesh-root") === true || arrangementOf(setup?.words)?.mesh !== undefined;
}

tryCases("the attack cases on a mesh", CASES);

describe("the cases that wait", () => {
  it("are cases, each listed once with what is missing and where it will be built", () => {
    const ids = new Set(OWN.map(({ id }) => id));
    expect(WAITING.filter((wait) => !ids.has(wait.case))).toEqual([]);
    expect(new Set(WAITING.map((wait) => wait.case)).size).toBe(WAITING.length);
    for (const { missing, area } of WAITING) expect([missing, area]).not.toContain("");
  });
});

describe("the runner", () => {
  const plain = { id: "X-001", title: "x", class: "x", kind: "attack", target: "gateway", requests: [], must: {} };
  const attack = (more: object): AttackCase => ({ ...plain, ...more }) as AttackCase;

  it.each([
    { more: { policies: "" }, unknown: "case field `policies`" },
    { more: { target: "moon" }, unknown: "target `moon`" },
    { more: { setup: { weather: "x" } }, unknown: "setup field `weather`" },
    { more: { setup: { keys: [{ name: "a", owner: "x" }] } }, unknown: "key field `owner`" },
    { more: { requests: [{ headers: [["x-api-key", "$key:a"]] }] }, unknown: "key `a`" },
    { more: { setup: { keys: [{ name: "a" }] } }, unknown: "use of the key `a`" },
    { more: { requests: [{ cookies: [] }] }, unknown: "request field `cookies`" },
    { more: { requests: [{ tls: { ciphers: [] } }] }, unknown: "tls field `ciphers`" },
    { more: { requests: [{ jwt: { key: "" } }] }, unknown: "jwt field `key`" },
    { more: { must: { warn: "x" } }, unknown: "must field `warn`" },
  ])("takes it for an error where a case has a $unknown", async ({ more, unknown }) => {
    expect(strangerIn(attack({}))).toBeNull();
    const one = attack(more);
    expect(await new AttackRun([one]).run(one)).toEqual({
      kind: "error",
      why: `the runner doesn't know its ${unknown}`,
    });
  });

  it("counts what is not covered as failed, an error too, and what waits as skipped", () => {
    const outcomes: readonly Outcome[] = [
      { kind: "passed" },
      { kind: "failed", why: "x" },
      { kind: "not covered", why: "x" },
      { kind: "error", why: "x" },
      { kind: "waits", feature: "x" },
    ];
    const results = outcomes.map((outcome) => ({ attack: attack({}), outcome, ms: 1 }));
    expect(summary(results).split("\n").at(-1)).toBe("1 passed, 3 failed, 1 skipped");
    expect(tally(results)).toEqual({ passed: 1, failed: 2, notCovered: 1, skipped: 1 });
  });

  it("knows no words that nobody asserts", () => {
    expect(heldBy("it is well")).toBeNull();
    expect(arrangementOf("it rains")).toBeNull();
  });

  it("lets no case wait for what is there, and arranges rate limits of any number", () => {
    expect(waitOf(attack({ target: "ui" }))).toBeNull();
    for (const words of ["rate limit: 3 per hour per client IP", "limit 5 per day keyed by header x-user"]) {
      expect(waitOf(attack({ setup: { words } }))).toBeNull();
      expect(arrangementOf(words)?.documents?.(1)).toMatchObject([{ kind: "RateLimitPolicy" }]);
    }
  });

  it("sends all requests of a case that counts those which pass, and a part of other floods", () => {
    expect(written([{ generator: "burst", n: 11 }], 20)).toHaveLength(11);
    expect(written([{ generator: "load", n: 1_000 }], 20)).toHaveLength(50);
  });

  it("reads past interim answers, and not past the last one", () => {
    const last = "HTTP/1.1 200 OK\r\n\r\nx";
    expect(final(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${last}`)).toBe(last);
    expect(final("HTTP/1.1 101 Switching Protocols\r\n\r\n")).toBe("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  });

  it("writes repeated text out", () => {
    expect(expanded("a{{repeat:bc:3}}d{{repeat: :2}}")).toBe("abcbcbcd  ");
  });

  it("says what was seen where a demand does not hold", () => {
    expect(() => demand(false, "the status is 200", "GET /x")).toThrow("the status is 200: GET /x");
  });
});

describe("the issuer's tokens", () => {
  const issuer = new AttackIssuer(() => 1_800_000_000_000);
  const parts = (token: string) => token.split(".").map((part) => Buffer.from(part, "base64url").toString());

  it("have the claims that are told, single ones beside those of a good token", () => {
    expect(JSON.parse(parts(issuer.token({ sub: "bob" }))[1] ?? "")).toMatchObject({
      iss: "https://issuer.test",
      sub: "bob",
      exp: 1_800_000_300,
    });
    expect(
      parts(issuer.token({ claims: { exp: "now-61", pad: "A*5", tree: "nest:3", all: "list:2", map: "keys:2" } }))[1],
    ).toBe('{"exp":1799999939,"pad":"AAAAA","tree":{"a":{"a":{"a":1}}},"all":["v0","v1"],"map":{"k0":0,"k1":1}}');
    expect(parts(issuer.token({ payload: "nest:2" }))[1]).toMatch(/"sub":"alice".*"generated":\{"a":\{"a":1\}\}\}$/);
  });

  it("have a header as it is written", () => {
    expect(parts(issuer.token({ header_raw: '{"alg":"RS256","alg":"none"}' }))[0]).toBe('{"alg":"RS256","alg":"none"}');
    expect(() => issuer.token({ sign: "no such key" })).toThrow(NotCovered);
    expect(() => issuer.token({}, "no such mutation")).toThrow(NotCovered);
  });
});
