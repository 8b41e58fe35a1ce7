import { describe, expect, it } from "vitest";
import { hashOf } from "../../src/balancing/hash.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import { ConclusionMissing, type RequestFacts } from "../../src/request/facts.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { HashKey, Route } from "../../src/snapshot/model.ts";
import { cluster, decided, endpoint, facts, headers, peer, slice } from "../decide/requests.ts";

function picksBy(key: HashKey | undefined, route: Partial<Route> = {}): LinkedSlice {
  const of = cluster("a", [endpoint("EP_A"), endpoint("EP_B")]);
  return slice({
    routes: [{ name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], ...route }],
    clusters: { a: { ...of, loadBalancer: { ring: 1024, ...(key && { key }) } } },
  });
}

function forwarded(of: LinkedSlice, request: RequestFacts) {
  const decision = decided(of, request);
  if (decision.effect !== "forward") throw new Error(decision.code);
  return decision;
}

const hashed = (key: HashKey, change: Partial<RequestFacts>) => forwarded(picksBy(key), facts(change)).hash;

const STICKY = { kind: "cookie", name: "sticky", create: { maxAgeSeconds: 3600 } } as const;

describe("what an endpoint is picked by", () => {
  it.each<{ name: string; key: HashKey; request: Partial<RequestFacts>; value: string | null }>([
    {
      name: "a header's value",
      key: { kind: "header", name: "x-user" },
      request: { headers: headers({ "x-user": "anna" }) },
      value: "anna",
    },
    { name: "no header", key: { kind: "header", name: "x-user" }, request: {}, value: null },
    {
      name: "an empty header",
      key: { kind: "header", name: "x-user" },
      request: { headers: headers({ "x-user": "" }) },
      value: "",
    },
    { name: "the method", key: { kind: "header", name: ":method" }, request: {}, value: "GET" },
    {
      name: "the path with its query",
      key: { kind: "header", name: ":path" },
      request: { path: "/a", query: "q=1" },
      value: "/a?q=1",
    },
    { name: "the authority", key: { kind: "header", name: ":authority" }, request: {}, value: "api.test" },
    {
      name: "a cookie's value",
      key: { kind: "cookie", name: "user" },
      request: { headers: headers({ cookie: "a=b; user=anna; c=d" }) },
      value: "anna",
    },
    {
      name: "a cookie's value without its quotes",
      key: { kind: "cookie", name: "user" },
      request: { headers: headers({ cookie: 'user="anna"' }) },
      value: "anna",
    },
    {
      name: "an empty cookie",
      key: { kind: "cookie", name: "user" },
      request: { headers: headers({ cookie: "user=" }) },
      value: null,
    },
    { name: "no cookie", key: { kind: "cookie", name: "user" }, request: {}, value: null },
    {
      name: "the client's address",
      key: { kind: "sourceIp" },
      request: { clientIp: "2001:db8::1" },
      value: "2001:db8::1",
    },
    {
      name: "the caller, where it has no address",
      key: { kind: "sourceIp" },
      request: { peer: peer("web") },
      value: "cluster.local/ns/default/sa/web",
    },
    { name: "neither", key: { kind: "sourceIp" }, request: {}, value: null },
    { name: "a parameter", key: { kind: "query", name: "q" }, request: { query: "a=b&q=1&q=2" }, value: "1" },
    { name: "no parameter", key: { kind: "query", name: "q" }, request: { query: "qq=1" }, value: null },
  ])("is $name", ({ key, request, value }) => {
    expect(hashed(key, request)).toBe(value === null ? null : hashOf(value));
  });

  it("is the request as the service gets it", () => {
    const of = picksBy({ kind: "header", name: "x-user" }, { request: { set: [["x-user", "all"]] } });
    expect(forwarded(of, facts({ headers: headers({ "x-user": "anna" }) })).hash).toBe(hashOf("all"));
  });

  it("is a header that no other spelling of which passes", () => {
    expect(picksBy({ kind: "header", name: "x-user" }).headers.names).toContain("x-user");
  });

  it("is nothing by other rules", () => {
    expect(forwarded(picksBy(undefined), facts()).hash).toBeNull();
    expect(forwarded(slice(), facts()).hash).toBeNull();
  });
});

describe("a cookie that is made", () => {
  it("comes with the answer where the request has none, and is picked by", () => {
    const { hash, response } = forwarded(picksBy(STICKY), facts({ seed: 5 }));
    const [cookie] = response;
    const value =
      cookie?.op === "add" ? /^sticky="([0-9a-f]{16})"; Max-Age=3600; HttpOnly$/.exec(cookie.value)?.[1] : "";
    expect(cookie).toMatchObject({ op: "add", name: "set-cookie" });
    expect(hash).toBe(hashOf(value ?? ""));
    // The next request brings it, and finds the same endpoint.
    const next = forwarded(picksBy(STICKY), facts({ seed: 6, headers: headers({ cookie: `sticky="${value}"` }) }));
    expect(next).toMatchObject({ hash, response: [] });
  });

  it("is another one for another request", () => {
    const of = picksBy(STICKY);
    const made = new Set([1, 2, 3, 4].map((seed) => forwarded(of, facts({ seed })).hash));
    expect(made.size).toBe(4);
  });

  it("has its path and attributes, and no age where it ends with the session", () => {
    const create = {
      maxAgeSeconds: 0,
      path: "/shop",
      attributes: [
        ["SameSite", "Strict"],
        ["Secure", ""],
      ],
    } as const;
    const { response } = forwarded(picksBy({ kind: "cookie", name: "s", create }), facts());
    expect(response[0]).toMatchObject({
      value: expect.stringMatching(/^s="[0-9a-f]{16}"; Path=\/shop; SameSite=Strict; Secure; HttpOnly$/),
    });
  });

  it("stands before the route's own changes, which may take it away", () => {
    const of = picksBy(STICKY, { response: { remove: ["set-cookie"] } });
    expect(forwarded(of, facts()).response.map(({ op }) => op)).toEqual(["add", "remove"]);
  });
});

describe("a record of what was picked by a secret", () => {
  it.each<{ name: string; key: HashKey }>([
    { name: "a cookie", key: { kind: "cookie", name: "user" } },
    { name: "a parameter", key: { kind: "query", name: "q" } },
    { name: "a header that holds credentials", key: { kind: "header", name: "x-api-key" } },
    { name: "a path", key: { kind: "header", name: ":path" } },
  ])("holds neither value nor hash of $name, and replays", ({ key }) => {
    const of = picksBy(key);
    const request = facts({ query: "q=hush", headers: headers({ cookie: "user=hush", "x-api-key": "hush" }) });
    const text = JSON.stringify(writeFacts(of, request));
    expect(text).not.toContain("hush");
    expect(text).not.toContain(String(hashOf("hush")));
    const read = readFacts(of, JSON.parse(text) as ReturnType<typeof writeFacts>);
    expect(describeDecision(decided(of, read))).toEqual(describeDecision(decided(of, request)));
    expect(describeDecision(decided(of, read))).toMatchObject({ picksByHash: true });
  });

  it("says so where it is older than the rule", () => {
    const written = writeFacts(slice(), facts({ query: "q=1" }));
    const newer = picksBy({ kind: "query", name: "q" });
    expect(() => decided(newer, readFacts(newer, written))).toThrow(ConclusionMissing);
  });

  it("tells apart a request that lacks it", () => {
    const of = picksBy({ kind: "cookie", name: "user" });
    expect(describeDecision(decided(of, facts()))).toMatchObject({ picksByHash: false });
    expect(describeDecision(decided(slice(), facts()))).toMatchObject({ picksByHash: null });
  });
});
