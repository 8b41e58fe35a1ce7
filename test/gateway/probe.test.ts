import { describe, expect, it } from "vitest";
import type { Probe } from "../../src/snapshot/model.ts";
import type { Env } from "../../workers/gateway/env.ts";
import { performProbe } from "../../workers/gateway/probe.ts";

const SETTINGS = { initialDelayMs: 0, timeoutMs: 20, periodMs: 1, successThreshold: 1, failureThreshold: 1 };

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What becomes of a probe of a service binding that answers so. */
async function probed(answer: Fetch, change: Partial<Probe> = {}): Promise<boolean> {
  const env = { EP_A: { fetch: answer } } as unknown as Env;
  // A new object each time: a backend is remembered by its address.
  const address = { kind: "binding", name: "EP_A" } as const;
  const probe = { address, authority: "a:80", get: { path: "/up", headers: [] }, settings: SETTINGS, ...change };
  return performProbe(probe, env);
}

describe("a probe", () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [500, false],
  ])("that is answered with %s: %s", async (status, isWell) => {
    expect(await probed(async () => new Response(null, { status }))).toBe(isWell);
  });

  it("asks for its path at its host, with its headers, and follows no redirect", async () => {
    let seen: readonly unknown[] = [];
    await probed(
      async (url, { headers, redirect }) => {
        seen = [url, headers, redirect];
        return new Response(null, { status: 204 });
      },
      { get: { path: "/up", headers: [["x-a", "b"]] } },
    );
    expect(seen).toEqual([
      "http://a:80/up",
      [
        ["user-agent", "tulle-probe"],
        ["x-a", "b"],
      ],
      "manual",
    ]);
  });

  it("that breaks off, or gets no answer in its time, has failed", async () => {
    expect(await probed(async () => Promise.reject(new Error("refused")))).toBe(false);
    const never: Fetch = async (_, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    expect(await probed(never)).toBe(false);
  });

  it("to a place that this gateway has no way to says nothing of the endpoint", async () => {
    const address = { kind: "private", authority: "10.0.0.1:80" } as const;
    expect(await probed(async () => new Response(null, { status: 500 }), { address })).toBe(true);
  });
});
