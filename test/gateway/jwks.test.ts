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
  ) => sets.get(uri, timeoutMs, useful, ctx);
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

  it("asks for an unknown key once in 30 s, however many come", async () => {
    const sets = create();
    await get(sets);
    for (let second = 0; second < 30; second += 1) {
      await get(sets, has("made-up"));
      now += 1_000;
    }
    expect(fetches).toHaveLength(1);
    now += 1;
    answer = () => new Response(JSON.stringify({ keys: [{ kty: "EC", kid: "b" }] }));
    expect(await get(sets, has("b"))).toMatchObject([{ kid: "b" }]);
    expect(fetches).toHaveLength(2);
  });

  it("serves what it has while it asks for a newer one", async () => {
    const sets = create();
    await get(sets);
    now += 21 * 60_000;
    answer = never;
    expect(await get(sets)).toMatchObject([{ kid: "a" }]);
    expect(fetches).toHaveLength(2);
  });

  it.each([() => new Response("{"), () => new Response(GOOD, { status: 500 }), () => new Response(keys(101))])(
    "keeps a good document through bad ones, for an hour past its refresh",
    async (bad) => {
      const sets = create();
      await get(sets);
      answer = bad;
      now += 79 * 60_000;
      expect(await get(sets)).toMatchObject([{ kid: "a" }]);
      now += 60_000;
      expect(await get(sets)).toBeNull();
    },
  );
});
