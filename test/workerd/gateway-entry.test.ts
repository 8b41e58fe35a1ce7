import { describe, expect, it } from "vitest";
import type { Front } from "../../src/snapshot/model.ts";
import { callFromOutside, logged, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "b.test";
const workload = { name: "gw", namespace: "default", principal: null, app: "gw", version: "latest" };

async function serveFront(change: Partial<Front>): Promise<void> {
  const slice = sliceOf(HOST);
  const front: Front = { gateway: "default/gw", workload, policySet: 0, clientCertificate: "none", ...change };
  await serveSlices({ "gw/*": { [HOST]: { ...slice, front } } });
  serve("b", (request) => Response.json(Object.fromEntries(request.headers)));
}

async function arrived(headers: Record<string, string>): Promise<Record<string, string>> {
  const answer = await callFromOutside(`http://${HOST}/`, { headers: { host: HOST, ...headers } });
  return answer.json();
}

async function status(cf: Record<string, unknown>): Promise<number> {
  const init = { headers: { host: HOST }, cf: cf as IncomingRequestCfProperties };
  const answer = await callFromOutside(`http://${HOST}/`, init);
  await answer.body?.cancel();
  return answer.status;
}

describe("behind trusted proxies", () => {
  const LIST = "56.5.6.7, 72.9.5.6, 98.1.2.3";

  it("the client is who the outermost of them saw, and the service gets the list with the platform's peer", async () => {
    await serveFront({ trustedProxies: 2 });
    const lines = await logged(async () => {
      const got = await arrived({ "x-forwarded-for": LIST, "cf-connecting-ip": "10.1.1.1" });
      expect(got["x-envoy-external-address"]).toBe("72.9.5.6");
      expect(got["x-forwarded-for"]).toBe(`${LIST}, 10.1.1.1`);
    });
    expect(lines).toMatchObject([{ client_ip: "72.9.5.6" }]);
  });

  it("a list that is too short leaves the platform's word", async () => {
    await serveFront({ trustedProxies: 2 });
    const got = await arrived({ "x-forwarded-for": "1.2.3.4", "cf-connecting-ip": "10.1.1.1" });
    expect(got["x-envoy-external-address"]).toBe("10.1.1.1");
    expect(got["x-forwarded-for"]).toBe("1.2.3.4, 10.1.1.1");
  });

  it("without any, what a client says of itself is dropped", async () => {
    await serveFront({});
    const got = await arrived({
      "x-forwarded-for": LIST,
      "x-envoy-external-address": "1.2.3.4",
      "cf-connecting-ip": "10.1.1.1",
    });
    expect(got["x-forwarded-for"]).toBe("10.1.1.1");
    expect(got).not.toHaveProperty("x-envoy-external-address");
  });
});

describe("a listener that asks for", () => {
  it("a version and suites looks at what the platform negotiated", async () => {
    await serveFront({ tls: { minVersion: "TLSv1.2", ciphers: ["AES128-SHA"] } });
    expect(await status({ tlsVersion: "TLSv1.3", tlsCipher: "AEAD-AES128-GCM-SHA256" })).toBe(200);
    expect(await status({ tlsVersion: "TLSv1.2", tlsCipher: "AES128-SHA" })).toBe(200);
    expect(await status({ tlsVersion: "TLSv1.2", tlsCipher: "AES256-SHA" })).toBe(403);
    expect(await status({ tlsVersion: "TLSv1.1", tlsCipher: "AES128-SHA" })).toBe(403);
    expect(await status({})).toBe(403);
  });

  it("a certificate by its hash takes that one alone, also the second time", async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    await serveFront({ clientCertificate: "required", tls: { signedBy: "platform", hashes: [hash] } });
    const shown = {
      certPresented: "1",
      certVerified: "SUCCESS",
      certRevoked: "0",
      certRFC9440: `:${btoa("\u0001\u0002\u0003")}:`,
    };
    for (let time = 0; time < 2; time += 1) {
      expect(await status({ tlsClientAuth: shown })).toBe(200);
      expect(await status({ tlsClientAuth: { ...shown, certRFC9440: `:${btoa("\u0001\u0002\u0004")}:` } })).toBe(403);
      expect(await status({ tlsClientAuth: { ...shown, certVerified: "FAILED:x" } })).toBe(403);
      expect(await status({ tlsClientAuth: { ...shown, certRevoked: "1" } })).toBe(403);
    }
    expect(await status({})).toBe(403);
  });
});
