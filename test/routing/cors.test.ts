import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeOrigin, linkCors } from "../../src/routing/cors.ts";
import type { CorsPolicy, StringMatch } from "../../src/snapshot/model.ts";
import { facts, headers } from "../decide/requests.ts";
import { linkPart } from "../support/link-with.ts";

const APP = "https://app.test";
const POLICY: CorsPolicy = { origins: [{ kind: "exact", value: APP }], unmatched: "FORWARD" };

type Fields = Readonly<Record<string, string>>;

function judged(policy: Partial<CorsPolicy>, method: string, fields: Fields) {
  return judgeOrigin(linkPart({ ...POLICY, ...policy }, linkCors), facts({ method, headers: headers(fields) }));
}

const preflight = (policy: Partial<CorsPolicy>, fields: Fields = {}) => {
  const verdict = judged(policy, "OPTIONS", { origin: APP, "access-control-request-method": "PUT", ...fields });
  return verdict?.kind === "preflight" ? Object.fromEntries(verdict.headers) : verdict;
};

describe("a CORS policy", () => {
  it("answers a preflight with its lists, also where the asked method is not among them", () => {
    const policy = { methods: "POST,GET", headers: "X-Foo-Bar,X-Foo-Baz", exposed: "x-a", maxAge: 86_400 };
    expect(preflight({ ...policy, credentials: true })).toEqual({
      vary: "Origin",
      "access-control-allow-origin": APP,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "POST,GET",
      "access-control-allow-headers": "X-Foo-Bar,X-Foo-Baz",
      "access-control-expose-headers": "x-a",
      "access-control-max-age": "86400",
    });
  });

  it("echoes what is asked where a list is `*` alone", () => {
    const asked = { "access-control-request-headers": "x-a, x-b" };
    expect(preflight({ methods: "*", headers: "*" }, asked)).toMatchObject({
      "access-control-allow-methods": "PUT",
      "access-control-allow-headers": "x-a, x-b",
    });
    expect(preflight({ methods: "GET,*" }, asked)).toMatchObject({ "access-control-allow-methods": "GET,*" });
    expect(preflight({ headers: "*" })).not.toHaveProperty("access-control-allow-headers");
  });

  it("passes a preflight of another origin on, or answers it without leave", () => {
    const other = { origin: "https://evil.test" };
    expect(preflight({ methods: "GET" }, other)).toBeNull();
    expect(preflight({ methods: "GET", exposed: "x-a", unmatched: "IGNORE" }, other)).toEqual({
      vary: "Origin",
      "access-control-allow-methods": "GET",
    });
  });

  it("takes a regex for the whole origin", () => {
    const origins: StringMatch[] = [{ kind: "regex", value: "https://[a-z]+\\.app\\.test" }];
    expect(preflight({ origins }, { origin: "https://x.app.test" })).not.toBeNull();
    expect(preflight({ origins }, { origin: "https://x.app.test.evil.test" })).toBeNull();
  });

  it("agrees with a naive reading for any policy and request", () => {
    const word = fc.constantFrom("", APP, "https://a.test", "http://app.test", "*");
    const list = fc.constantFrom(undefined, "GET", "GET,POST", "*", "x-a,*");
    const match: fc.Arbitrary<StringMatch> = fc.oneof(
      fc.record({
        kind: fc.constantFrom("exact" as const, "prefix" as const),
        value: word.filter((value) => value !== ""),
      }),
      fc.constantFrom(".*", "https://a.*", "https").map((value): StringMatch => ({ kind: "regex", value })),
    );
    const policy = fc.record({
      origins: fc.array(match, { maxLength: 2 }),
      methods: list,
      headers: list,
      exposed: list,
      maxAge: fc.constantFrom(undefined, 60),
      credentials: fc.constantFrom(undefined, true),
      unmatched: fc.constantFrom("FORWARD" as const, "IGNORE" as const),
    });
    const request = fc.record({
      method: fc.constantFrom("GET", "OPTIONS", "options"),
      fields: fc.record(
        {
          origin: word,
          "access-control-request-method": fc.constantFrom("", "PUT"),
          "access-control-request-headers": fc.constantFrom("", "x-q"),
        },
        { requiredKeys: [] },
      ),
    });
    fc.assert(
      fc.property(policy, request, (of, { method, fields }) => {
        const given = Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as never;
        const verdict = judged(given, method, fields);
        const said =
          verdict === null
            ? {}
            : Object.fromEntries(
                verdict.kind === "preflight"
                  ? verdict.headers
                  : verdict.changes.map(({ name, value }) => [name, value]),
              );
        const { vary: _, ...rest } = said;
        expect({ answered: verdict?.kind === "preflight", said: rest }).toEqual(naive(of, method, fields));
      }),
      { numRuns: 5_000, seed: 9 },
    );
  });
});

/** Line by line from what Istio's reference says of each field. */
function naive(
  policy: { [key in keyof CorsPolicy]: CorsPolicy[key] | undefined },
  method: string,
  fields: Fields,
): { readonly answered: boolean; readonly said: Fields } {
  const origin = fields["origin"] ?? "";
  const asked = fields["access-control-request-method"] ?? "";
  if (origin === "") return { answered: false, said: {} };
  const holds = (match: StringMatch, value: string): boolean => {
    if (match.kind === "exact") return match.value === value;
    if (match.kind === "prefix") return value.startsWith(match.value);
    return match.kind === "regex" && new RegExp(`^(?:${match.value})$`).test(value);
  };
  const allowed = (policy.origins ?? []).some((match) => holds(match, "*") || holds(match, origin));
  const answered = method === "OPTIONS" && asked !== "" && (allowed || policy.unmatched === "IGNORE");
  const said: Record<string, string> = {};
  if (allowed) said["access-control-allow-origin"] = origin;
  if (policy.credentials && (allowed || answered)) said["access-control-allow-credentials"] = "true";
  if (policy.exposed !== undefined && allowed) said["access-control-expose-headers"] = policy.exposed;
  if (!answered) return { answered, said };
  if (policy.methods !== undefined)
    said["access-control-allow-methods"] = policy.methods === "*" ? asked : policy.methods;
  const wanted = policy.headers === "*" ? fields["access-control-request-headers"] : policy.headers;
  if (wanted !== undefined) said["access-control-allow-headers"] = wanted;
  if (policy.maxAge !== undefined) said["access-control-max-age"] = String(policy.maxAge);
  return { answered, said };
}
