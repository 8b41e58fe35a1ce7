import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { importJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EchoMesh, policy } from "../field-reports/echo-mesh.ts";
import { IdentityProvider } from "../support/identity-provider.ts";
import { until } from "../support/until.ts";

const PORT = 26_480;
const WINDOW_MS = 30_000;
/** Between two calls of one client: a hundred a second are a flood, and more are the machine's work alone, for the minute that this takes. */
const PAUSE_MS = 10;

/** What goes through a mesh while something happens. */
interface Load {
  readonly stop: () => Promise<void>;
  good: number;
  bad: number;
  /** Good ones that were refused, and bad ones that were let in. */
  readonly wrong: string[];
}

describe("a real identity provider, found by discovery", () => {
  const provider = new IdentityProvider(PORT);
  const stranger = IdentityProvider.newKey("first");
  let mesh: EchoMesh;
  let tokens: string[] = [];

  beforeAll(async () => {
    provider.use(IdentityProvider.newKey("first"));
    await provider.start();
    mesh = await EchoMesh.start(26_500, ["api"], [authentication(), wanted()]);
  });
  afterAll(async () => {
    await mesh.stop();
    await provider.stop();
  });

  const authentication = (): string =>
    JSON.stringify({
      apiVersion: "security.istio.io/v1",
      kind: "RequestAuthentication",
      metadata: { name: "api" },
      spec: { selector: { matchLabels: { app: "api" } }, jwtRules: [{ issuer: provider.issuer, audiences: ["api"] }] },
    });
  const wanted = (): string =>
    policy("api", "ALLOW", { from: [{ source: { requestPrincipals: [`${provider.issuer}/load`] } }] });
  const statusOf = async (token: string): Promise<number> =>
    (await mesh.send("api", "/", { headers: [["authorization", `Bearer ${token}`]] })).status;

  /** The kinds of tokens that nobody may come in with. */
  const forged = async (at: number): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: provider.issuer, sub: "load", aud: "api", iat: now, exp: now + 600, jti: randomUUID() };
    const signed = async (header: { kid?: string }, change: object = {}) =>
      new SignJWT({ ...claims, ...change })
        .setProtectedHeader({ alg: "ES256", ...header })
        .sign(await importJWK(stranger, "ES256"));
    switch (at % 5) {
      case 0:
        return signed({ kid: randomUUID() });
      case 1:
        return signed({ kid: "first" });
      case 2:
        return signed({ kid: randomUUID() }, { iss: `https://${randomUUID()}.test` });
      case 3:
        return signed({});
      default: {
        const [head = "", , signature = ""] = (tokens[at % tokens.length] ?? "").split(".");
        return `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
      }
    }
  };

  /** Good tokens, new ones among them as long as the provider is there, and bad ones beside them. */
  const load = (forgers: number): Load => {
    const run = { over: false };
    const seen: Omit<Load, "stop"> = { good: 0, bad: 0, wrong: [] };
    const goodOnes = async (): Promise<void> => {
      for (let at = 0; !run.over; at += 1) {
        const token = tokens[at % tokens.length] ?? "";
        const status = await statusOf(token);
        if (status !== 200) seen.wrong.push(`good token ${at}: ${status}`);
        seen.good += 1;
        await pause(PAUSE_MS);
      }
    };
    const badOnes = async (): Promise<void> => {
      for (let at = 0; !run.over; at += 1) {
        const status = await statusOf(await forged(at));
        if (status !== 401) seen.wrong.push(`bad token of kind ${at % 5}: ${status}`);
        seen.bad += 1;
        await pause(PAUSE_MS);
      }
    };
    const running = [goodOnes(), ...Array.from({ length: forgers }, badOnes)];
    return Object.assign(seen, {
      stop: async () => {
        run.over = true;
        await Promise.all(running);
      },
    });
  };

  const newTokens = async (count: number): Promise<void> => {
    tokens = await Promise.all(Array.from({ length: count }, async () => provider.token()));
  };
  const kidOf = (token: string): unknown =>
    (JSON.parse(Buffer.from(token.split(".", 1)[0] ?? "", "base64url").toString()) as { kid?: unknown }).kid;
  const mostInAWindow = (): number =>
    Math.max(
      ...provider.keyFetches.map(
        (from) => provider.keyFetches.filter((time) => time >= from && time < from + WINDOW_MS).length,
      ),
    );

  it("signs with a new key at once, is asked for it at once, and no good token is refused", async () => {
    await newTokens(20);
    const running = load(0);
    await until("the load to run", () => running.good >= 50);
    provider.use(IdentityProvider.newKey("second"), ...provider.keys);
    await newTokens(20);
    expect(kidOf(tokens[0] ?? "")).toBe("second");
    const before = running.good;
    await until("the load to go on", () => running.good >= before + 100);
    await running.stop();
    expect(running.wrong).toEqual([]);
    expect(mostInAWindow()).toBeLessThanOrEqual(2);
  });

  it("is asked for its keys twice in 30 s at most under a flood of bad tokens; a key published before it signs costs nobody", async () => {
    const running = load(3);
    await until("the flood to run", () => running.bad >= 100);
    const key = IdentityProvider.newKey("third");
    // Published, and signed with only once gateways have asked.
    provider.use(...provider.keys, key);
    const published = provider.keyFetches.length;
    await until("the gateway to ask again", () => provider.keyFetches.length > published);
    provider.use(key, ...provider.keys.slice(0, -1));
    await newTokens(20);
    expect(kidOf(tokens[0] ?? "")).toBe("third");
    const { good, bad } = running;
    await until("the load to go on", () => running.good >= good + 100 && running.bad >= bad + 300);
    await running.stop();
    expect(running.wrong).toEqual([]);
    expect(mostInAWindow()).toBeLessThanOrEqual(2);
  });

  it("goes away and comes back: its tokens count on, others still do not", async () => {
    const running = load(3);
    await provider.stop();
    const { good, bad } = running;
    await until("the load to go on without it", () => running.good >= good + 200 && running.bad >= bad + 300);
    await provider.start();
    const asked = provider.keyFetches.length;
    await until("it to be asked again", () => provider.keyFetches.length > asked);
    await newTokens(20);
    const after = running.good;
    await until("the load to go on with it", () => running.good >= after + 100);
    await running.stop();
    expect(running.wrong).toEqual([]);
    expect(mostInAWindow()).toBeLessThanOrEqual(2);
  });
});
