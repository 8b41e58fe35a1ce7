import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeDecision } from "../../src/decide/describe.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import { ConclusionMissing, type RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import { link } from "../../src/snapshot/link.ts";
import type { JwtRule, Slice } from "../../src/snapshot/model.ts";
import { times } from "../support/scale.ts";
import { complete, decided, facts, headers, OPEN, slice } from "./requests.ts";
import { checkOf, requests, slices, TOKENS } from "./samples.ts";

const JWT: JwtRule = {
  name: "default/jwt/0",
  issuer: "https://issuer.test",
  audiences: [],
  keys: { kind: "inline", jwks: '{"keys":[]}' },
  from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: ["access_token"], cookies: ["session"] },
  forwardOriginalToken: false,
  outputClaimToHeaders: [{ header: "x-tier", claim: "tier" }],
  spaceDelimitedClaims: [],
};

describe("a recorded decision", () => {
  const COUNT = times(2_000, 10_000);
  it(`replays in another process: ${COUNT} of them, equal`, async () => {
    const models = fc.sample(slices, { numRuns: 200, seed: 11 });
    const all = fc.sample(requests, { numRuns: COUNT, seed: 12 });
    const records = all.map((request, at) => {
      const number = at % models.length;
      const of = link(models[number] as Slice);
      const whole = complete(of, request, TOKENS, checkOf);
      return { slice: number, facts: writeFacts(of, whole), decision: describeDecision(decided(of, whole)) };
    });
    const codes = new Set(records.map(({ decision }) => (decision.effect === "answer" ? decision.code : "forward")));
    // The sample is worth something: it holds what can be decided.
    expect([...codes]).toEqual(
      expect.arrayContaining([
        "forward",
        "no_route",
        "jwt_invalid",
        "rbac_denied_no_allow",
        "rbac_denied_matched_policy",
        "ext_authz_denied",
        "ext_authz_error",
      ]),
    );
    const folder = await mkdtemp(join(tmpdir(), "tulle-replay-"));
    try {
      const file = join(folder, "records.json");
      await writeFile(file, JSON.stringify({ models, records }));
      expect(await replay(file)).toEqual({ equal: COUNT, different: [] });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("holds no credential, cookie or query value, and no claim that no rule names", () => {
    const of = slice({
      policySets: [{ ...OPEN, jwt: [JWT] }],
      routes: [
        {
          name: "r",
          matches: [
            {
              headers: [
                { name: "authorization", match: { kind: "prefix", value: "Bearer sec" } },
                { name: "cookie", match: { kind: "regex", value: ".*secret.*" } },
                { name: "x_api_key", match: { kind: "prefix", value: "sec" } },
                { name: "x-auth-token", match: { kind: "prefix", value: "sec" } },
                { name: "x-plain", match: { kind: "exact", value: "plain" } },
              ],
              query: [{ name: "q", match: { kind: "exact", value: "secret-query" } }],
            },
          ],
          destinations: [{ cluster: "a", weight: 1 }],
        },
      ],
    });
    const token: TokenFact = {
      ok: true,
      principal: "https://issuer.test/u",
      issuer: "https://issuer.test",
      subject: "u",
      audiences: [],
      presenter: null,
      claims: { tier: "gold", email: "secret-mail" },
      spaceDelimited: [],
      rule: 0,
    };
    const request = facts({
      headers: headers({
        authorization: "Bearer secret-token",
        cookie: "session=secret-session; other=secret-other",
        x_api_key: "secret-key",
        "x-auth-token": "secret-auth",
        "x-plain": "plain",
        "x-unnamed": "secret-unnamed",
      }),
      query: "q=secret-query&access_token=secret-param",
    });
    const known = { "secret-token": token, "secret-session": token, "secret-param": token };
    const written = writeFacts(of, complete(of, request, known));
    const text = JSON.stringify(written);
    // The names of tests hold what the rule's author wrote, which is no secret of the client.
    expect(JSON.stringify({ ...written, conclusions: {} })).not.toContain("secret");
    expect(text).toContain('"x-plain":"plain"');
    expect(text).toContain('"tier":"gold"');
    const read = readFacts(of, JSON.parse(text) as typeof written);
    expect(describeDecision(decided(of, read))).toEqual(describeDecision(decided(of, request, known)));
  });

  it("says so where it holds no verdict of a rule that is newer", () => {
    const written = writeFacts(slice(), facts({ query: "q=1" }));
    const newer = slice({
      routes: [
        {
          name: "r",
          matches: [{ query: [{ name: "q", match: { kind: "exact", value: "1" } }] }],
          destinations: [{ cluster: "a", weight: 1 }],
        },
      ],
    });
    expect(() => decided(newer, readFacts(newer, written))).toThrow(ConclusionMissing);
  });

  it("says so where newer rules look for a token in what the record does not hold", () => {
    const of = slice({ policySets: [{ ...OPEN, jwt: [JWT] }] });
    const known = { t: { ok: false, code: "jwt_invalid", detail: "" } } satisfies Record<string, TokenFact>;
    const request: RequestFacts = facts({ headers: headers({ authorization: "Bearer t" }) });
    const written = writeFacts(of, complete(of, request, known));
    const newer = slice({ policySets: [{ ...OPEN, jwt: [{ ...JWT, name: "default/other/0" }] }] });
    expect(() => readFacts(newer, written)).toThrow(ConclusionMissing);
  });
});

/** @returns what the other process found */
async function replay(file: string): Promise<unknown> {
  const script = fileURLToPath(import.meta.resolve("./replay-process.ts"));
  const child = spawn("node", [script, file], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`the other process ended with ${String(code)}: ${errors}`);
  return JSON.parse(out);
}
