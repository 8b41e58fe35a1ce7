import type { JWK } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { KeySets } from "../../workers/gateway/jwks.ts";

const URI = "https://issuer.test/jwks.json";
const GOOD = JSON.stringify({ keys: [{ kty: "EC", kid: "a" }] });
const ctx = { waitUntil: () => undefined };

describe("KeySets", () => {
  let now: number;
  let fetches: { readonly url: string; readonly init: RequestInit }[];
  let answer: (init: RequestInit) => Response | Promise<Response>;

  beforeEach(() => {
    now = 1_800_000_000_000;
    fetches = [];
    answer = () => new Response(GOOD);
    // The runtime's, which Node lacks.
    Object.assign(globalThis, { scheduler: { wait: (ms: number) => new Promise((done) => setTimeout(done, ms)) } });
  });

  const create = (local = false) =>
    new KeySets({
      now: () => now,
      local,
      fetch: async (url, init) => {
        fetches.push({ url, init });
        return answer(init);
      },
    });
  const always = () => true;
  const has =
    (kid: string) =>
    (keys: readonly JWK[]): boolean =>
      keys.some((key) => key.kid === kid);
  /** Longer than any answer takes that comes; what never comes is given up soon. */
  const [PATIENT, SOON] = [30_000, 20];
  const get = async (
    sets: KeySets,
    useful: (keys: readonly JWK[]) => boolean = always,
    uri = URI,
    timeoutMs = PATIENT,
  ) => (await sets.get({ kind: "remote", uri, timeoutMs }, useful, ctx)).keys;
  const getSoon = async (sets: KeySets) => get(sets, always, URI, SOON);
  const never = async (): Promise<Response> => new Promise(() => undefined);
  const keys = (count: number) => JSON.stringify({ keys: Array.from({ length: count }, () => ({ kty: "EC" })) });

  it.each<{ name: string; body: string; taken: boolean }>([
    { name: "100 keys", body: keys(100), taken: true },
    { name: "101 keys", body: keys(101), taken: false },
    { name: "256 KiB", body: GOOD.padEnd(262_144), taken: true },
    { name: "a byte more than 256 KiB", body: GOOD.padEnd(262_145), taken: false },
    { name: "a list", body: "[]", taken: false },
    { name: "a byte order mark", body: `\uFEFF${GOOD}`, taken: false },
  ])("of a document with $name: taken $taken", async ({ body, taken }) => {
    answer = () => new Response(body);
    expect((await get(create())) !== null).toBe(taken);
  });

  it("counts what it reads and not what is announced, and reads no further", async () => {
    let sent = 0;
    answer = () => {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          sent += 1;
          controller.enqueue(new Uint8Array(65_536).fill(32));
        },
      });
      return new Response(body, { headers: { "content-length": "10" } });
    };
    expect(await get(create())).toBeNull();
    expect(sent).toBeLessThan(10);
  });

  it("follows no redirect, and leaves no body unread", async () => {
    let cancelled = false;
    answer = () => {
      const body = new ReadableStream({ cancel: () => void (cancelled = true) });
      return new Response(body, { status: 302, headers: { location: "https://evil.test/" } });
    };
    expect(await get(create())).toBeNull();
    expect(fetches.map(({ url, init }) => [url, init.redirect])).toEqual([[URI, "manual"]]);
    expect(cancelled).toBe(true);
  });

  it.each<{ name: string; uri: string; local: boolean; asked: boolean }>([
    { name: "https", uri: URI, local: false, asked: true },
    { name: "http to loopback, deployed", uri: "http://127.0.0.1:1/", local: false, asked: false },
    { name: "http to loopback in the local mesh", uri: "http://127.0.0.1:1/", local: true, asked: true },
    { name: "http to loopback's name in the local mesh", uri: "http://localhost:1/", local: true, asked: true },
    { name: "http to others in the local mesh", uri: "http://issuer.test/", local: true, asked: false },
    { name: "http to a name that begins as loopback", uri: "http://127.0.0.1.evil.test/", local: true, asked: false },
    { name: "a user", uri: "https://me@issuer.test/", local: true, asked: false },
    { name: "data", uri: `data:application/json,${GOOD}`, local: true, asked: false },
    { name: "no URL", uri: "jwks", local: true, asked: false },
  ])("of $name asks: $asked", async ({ uri, local, asked }) => {
    expect((await get(create(local), always, uri)) !== null).toBe(asked);
    expect(fetches).toHaveLength(asked ? 1 : 0);
  });

  it("asks once for all that wait", async () => {
    const sets = create();
    const all = await Promise.all(Array.from({ length: 20 }, async () => get(sets)));
    expect(all.every((set) => set !== null)).toBe(true);
    expect(fetches).toHaveLength(1);
  });

  it("gives the fetch up after the rule's time, and waits no longer itself", async () => {
    const aborted = new Promise<void>((resolve) => {
      answer = async ({ signal }) =>
        new Promise((_, reject) =>
          signal?.addEventListener("abort", () => {
            reject(new Error("aborted"));
            resolve();
          }),
        );
    });
    expect(await getSoon(create())).toBeNull();
    await aborted;
  });

  it("asks again after 5 s, also where the request that asked died and left its fetch unfinished", async () => {
    const sets = create();
    answer = never;
    expect(await getSoon(sets)).toBeNull();
    answer = () => new Response(GOOD);
    now += 5_000;
    expect(await getSoon(sets)).toBeNull();
    now += 1;
    expect(await get(sets)).toHaveLength(1);
    expect(fetches).toHaveLength(2);
  });

  it("asks at once for a key that appeared after the last fetch, then once in 30 s, however many come", async () => {
    const sets = create();
    await get(sets);
    now += 1_000;
    answer = () =>
      new Response(
        JSON.stringify({
          keys: [
            { kty: "EC", kid: "a" },
            { kty: "EC", kid: "b" },
          ],
        }),
      );
    expect(await get(sets, has("b"))).toHaveLength(2);
    for (let tenth = 0; tenth < 300; tenth += 1) {
      await get(sets, has("made-up"));
      now += 100;
    }
    expect(fetches).toHaveLength(2);
    now += 1;
    await get(sets, has("made-up"));
    expect(fetches).toHaveLength(3);
  });

  it("fetches twice in 30 s at most, whatever comes and whatever is answered", async () => {
    const started: number[] = [];
    answer = () => {
      started.push(now);
      return started.length % 3 === 0 ? new Response(GOOD) : new Response("", { status: 503 });
    };
    const sets = create();
    for (let at = 0; at < 3_000; at += 1) {
      await get(sets, at % 7 === 0 ? always : has(`made-up ${at}`));
      now += 100;
    }
    expect(started.length).toBeGreaterThan(10);
    for (const [at, time] of started.entries())
      expect(started.filter((other, index) => index >= at && other <= time + 30_000).length).toBeLessThanOrEqual(2);
  });

  it("asks for newer keys before the old ones are 5 minutes old, and nobody waits for that", async () => {
    const sets = create();
    await get(sets);
    now += 4 * 60_000;
    answer = never;
    expect(await get(sets)).toMatchObject([{ kid: "a" }]);
    expect(fetches).toHaveLength(2);
  });

  it("lets a key that the issuer took away count no longer than 5 minutes, also where nobody asked meanwhile", async () => {
    const sets = create();
    const before = await sets.get({ kind: "remote", uri: URI, timeoutMs: PATIENT }, always, ctx);
    const { version } = before;
    answer = () => new Response(JSON.stringify({ keys: [{ kty: "EC", kid: "b" }] }));
    now += 5 * 60_000;
    expect(await get(sets)).toMatchObject([{ kid: "b" }]);
    expect(before.version).toBeGreaterThan(version);
  });

  it("calls nothing verified before void where keys were only added", async () => {
    const sets = create();
    const set = await sets.get({ kind: "remote", uri: URI, timeoutMs: PATIENT }, always, ctx);
    const { version } = set;
    const [old] = set.keys ?? [];
    answer = () =>
      new Response(
        JSON.stringify({
          keys: [
            { kty: "EC", kid: "b" },
            { kty: "EC", kid: "a" },
          ],
        }),
      );
    now += 5 * 60_000;
    expect((await get(sets))?.[1]).toBe(old);
    expect(set.version).toBe(version);
  });

  it.each([() => new Response("{"), () => new Response(GOOD, { status: 500 }), () => new Response(keys(101))])(
    "keeps a good document through bad ones, for an hour",
    async (bad) => {
      const sets = create();
      await get(sets);
      answer = bad;
      now += 59 * 60_000;
      expect(await get(sets)).toMatchObject([{ kid: "a" }]);
      now += 60_000;
      expect(await get(sets)).toBeNull();
    },
  );

  it("lets only one request wait for an issuer that is away, while old keys count", async () => {
    const sets = create();
    await get(sets);
    answer = () => new Response("", { status: 503 });
    now += 6 * 60_000;
    expect(await get(sets)).toHaveLength(1);
    answer = never;
    now += 31_000;
    // Its own time would be longer than the test may take.
    expect(await get(sets)).toHaveLength(1);
    expect(fetches).toHaveLength(3);
  });

  describe("by OpenID discovery", () => {
    const ISSUER = "https://issuer.test/realm";
    const CONFIGURATION = `${ISSUER}/.well-known/openid-configuration`;
    const KEYS = "https://keys.issuer.test/jwks";
    let document: unknown;

    beforeEach(() => {
      document = { issuer: ISSUER, jwks_uri: KEYS };
    });

    const discovery = (local = false, hosts = ["*.issuer.test"]) => {
      const sets = create(local);
      answer = () => (fetches.at(-1)?.url === KEYS ? new Response(GOOD) : Response.json(document));
      const source = { kind: "discovery" as const, uri: CONFIGURATION, issuer: ISSUER, hosts, timeoutMs: PATIENT };
      return async (useful: (keys: readonly JWK[]) => boolean = always) => (await sets.get(source, useful, ctx)).keys;
    };
    const asked = () => fetches.map(({ url }) => url);

    it("asks the issuer where its keys are, and not with each look", async () => {
      const ask = discovery();
      expect(await ask()).toMatchObject([{ kid: "a" }]);
      now += 4 * 60_000;
      await ask();
      expect(asked()).toEqual([CONFIGURATION, KEYS, KEYS]);
      expect(fetches.every(({ init }) => init.redirect === "manual")).toBe(true);
    });

    it.each<{ name: string; document: unknown }>([
      { name: "is about another issuer", document: { issuer: "https://other.test", jwks_uri: KEYS } },
      { name: "is about the issuer with a slash", document: { issuer: `${ISSUER}/`, jwks_uri: KEYS } },
      { name: "names no issuer", document: { jwks_uri: KEYS } },
      { name: "names no place", document: { issuer: ISSUER } },
      { name: "names several places", document: { issuer: ISSUER, jwks_uri: [KEYS] } },
      { name: "leads to a host off the list", document: { issuer: ISSUER, jwks_uri: "https://evil.test/jwks" } },
      { name: "leads to the list's bare name", document: { issuer: ISSUER, jwks_uri: "https://issuer.test/jwks" } },
      { name: "leads to a name that ends alike", document: { issuer: ISSUER, jwks_uri: "https://evilissuer.test/j" } },
      { name: "leads to another port", document: { issuer: ISSUER, jwks_uri: "https://keys.issuer.test:8443/jwks" } },
      { name: "leads to plain http", document: { issuer: ISSUER, jwks_uri: "http://keys.issuer.test/jwks" } },
      { name: "leads to loopback", document: { issuer: ISSUER, jwks_uri: "http://127.0.0.1/jwks" } },
      { name: "holds a user", document: { issuer: ISSUER, jwks_uri: "https://me@keys.issuer.test/jwks" } },
      { name: "holds a fragment", document: { issuer: ISSUER, jwks_uri: `${KEYS}#a` } },
      { name: "leads to data", document: { issuer: ISSUER, jwks_uri: `data:application/json,${GOOD}` } },
      { name: "is null", document: null },
      { name: "is a list", document: [] },
    ])("takes no document that $name, and calls nobody by it", async ({ document: bad }) => {
      const ask = discovery();
      document = bad;
      expect(await ask()).toBeNull();
      expect(asked()).toEqual([CONFIGURATION]);
    });

    it("keeps what it knows through bad documents and absences, and asks anew where the keys are after one", async () => {
      const ask = discovery();
      await ask();
      answer = () => new Response("gone", { status: 404 });
      now += 6 * 60_000;
      expect(await ask()).toHaveLength(1);
      document = { issuer: "https://other.test", jwks_uri: "https://evil.test/jwks" };
      answer = () => (fetches.at(-1)?.url === KEYS ? new Response(GOOD) : Response.json(document));
      now += 31_000;
      expect(await ask()).toHaveLength(1);
      expect(asked()).toEqual([CONFIGURATION, KEYS, KEYS, CONFIGURATION]);
    });

    /** Its keys are at another place from now on, and others. @param old what is where they were */
    const move = (old: () => Response): void => {
      const moved = "https://new.issuer.test/jwks";
      document = { issuer: ISSUER, jwks_uri: moved };
      answer = () => {
        const url = fetches.at(-1)?.url;
        if (url === CONFIGURATION) return Response.json(document);
        return url === moved ? Response.json({ keys: [{ kty: "EC", kid: "b" }] }) : old();
      };
    };

    it("follows the issuer to another place of its keys after the old one is gone", async () => {
      const ask = discovery();
      await ask();
      move(() => new Response("", { status: 404 }));
      now += 6 * 60_000;
      expect(await ask()).toMatchObject([{ kid: "a" }]);
      now += 31_000;
      await expect.poll(async () => ask(), { timeout: 60_000 }).toMatchObject([{ kid: "b" }]);
    });

    it("follows the issuer to another place of its keys within an hour, also where the old one goes on", async () => {
      const ask = discovery();
      await ask();
      move(() => new Response(GOOD));
      for (let minutes = 0; minutes < 60; minutes += 5) {
        now += 5 * 60_000;
        await ask();
      }
      expect(await ask()).toMatchObject([{ kid: "b" }]);
      expect(asked().filter((url) => url === CONFIGURATION)).toHaveLength(2);
    });

    it("lets plain http lead to loopback in the local mesh alone, whatever the list says", async () => {
      document = { issuer: ISSUER, jwks_uri: "http://127.0.0.1:9000/jwks" };
      await discovery(false, ["127.0.0.1"])();
      expect(asked()).toEqual([CONFIGURATION]);
      await discovery(true)();
      expect(asked()).toEqual([CONFIGURATION, CONFIGURATION, "http://127.0.0.1:9000/jwks"]);
    });
  });
});
