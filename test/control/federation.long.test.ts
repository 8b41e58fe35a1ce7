import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Root } from "../../src/snapshot/model.ts";
import { TestAuthority } from "../identity/svids.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";

let control: RunningControl;
let server: Server;
let url: string;
let first: TestAuthority;
let second: TestAuthority;
/** What the neighbour answers; null: it is away. */
let published: { readonly status?: number; readonly body: string; readonly location?: string } | null = null;
let asked = 0;

const bundle = (authority: TestAuthority, sequence: number | undefined) =>
  JSON.stringify({
    keys: [{ kty: "EC", use: "x509-svid", x5c: [authority.der] }],
    spiffe_sequence: sequence,
    spiffe_refresh_hint: 1,
  });
const settings = (federation: unknown) => ({
  apiVersion: "tulle.dev/v1alpha1",
  kind: "MeshConfig",
  metadata: { name: "default", namespace: "istio-system" },
  spec: { federation },
});
const apply = async (federation: unknown, query = "") =>
  control.call("POST", `/api/v1/apply${query}`, [settings(federation)]);
const trust = async () => {
  const answer = await control.root("all");
  if (answer.kind !== "root") throw new Error(answer.kind);
  return (JSON.parse(answer.root.payload) as Root).trust;
};
interface Neighbour {
  readonly trustDomain: string;
  readonly authorities: readonly string[];
  readonly sequence: number | null;
  readonly fetchedAt: string | null;
  readonly problem: string | null;
}
const neighbour = async (): Promise<Neighbour | undefined> => {
  const { json } = await control.call("GET", "/api/v1/status");
  return (json["federation"] as unknown as readonly Neighbour[])[0];
};
const settled = async (what: string, holds: (now: Neighbour) => boolean) =>
  until(what, async () => {
    const now = await neighbour();
    return now !== undefined && holds(now);
  });

beforeAll(async () => {
  [first, second] = await Promise.all([TestAuthority.create("CN=first"), TestAuthority.create("CN=second")]);
  server = createServer((_, response) => {
    asked += 1;
    if (published === null) return void response.destroy();
    const { status = 200, body, location } = published;
    response.writeHead(status, { "content-type": "application/json", ...(location !== undefined && { location }) });
    response.end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bundle`;
  control = await RunningControl.start({ local: true });
  await control.rpc("ALL", "register", { bindings: [], hasPrivate: false, format: 3 });
});
afterAll(async () => {
  await control.stop();
  server.close();
});

describe("the bundle of another trust domain", () => {
  it("is fetched, and travels in the signed root for that domain alone", async () => {
    published = { body: bundle(first, 5) };
    expect((await trust()).federated).toBeUndefined();
    expect((await apply([{ trustDomain: "other.test", bundleEndpointURL: url }])).status).toBe(200);
    await settled("the bundle", ({ sequence }) => sequence === 5);
    await until("the root", async () => (await trust()).federated !== undefined);
    const { federated, authorities } = await trust();
    expect(federated).toEqual({ "other.test": [first.der] });
    expect(authorities).not.toContain(first.der);
  });

  it.each<[string, () => typeof published]>([
    ["is away", () => null],
    ["answers an error", () => ({ status: 500, body: "" })],
    ["sends somewhere else", () => ({ status: 302, body: "", location: url })],
    ["answers no bundle", () => ({ body: "{}" })],
    ["has no authorities", () => ({ body: '{"keys":[],"spiffe_sequence":6}' })],
    ["answers too much", () => ({ body: `${bundle(second, 6)}${" ".repeat(270_000)}` })],
    ["goes back", () => ({ body: bundle(second, 4) })],
    ["no longer numbers it", () => ({ body: bundle(second, undefined) })],
  ])("counts on while the other side %s, and its state says so", async (_, make) => {
    published = { body: bundle(first, 5) };
    await settled("a good bundle", ({ problem }) => problem === null);
    published = make();
    await settled("the problem", ({ problem }) => problem !== null);
    expect(await neighbour()).toMatchObject({ authorities: [first.der], sequence: 5 });
    expect((await trust()).federated).toEqual({ "other.test": [first.der] });
  });

  it("is taken anew where it has changed, and is known again after a restart without the other side", async () => {
    published = { body: bundle(second, 6) };
    await until("the new root", async () => (await trust()).federated?.["other.test"]?.[0] === second.der);
    published = null;
    await control.evict();
    await control.evict("Federation", "federation");
    expect((await trust()).federated).toEqual({ "other.test": [second.der] });
  });

  it("is told again where the word of it was lost", async () => {
    published = { body: bundle(second, 6) };
    await settled("a good bundle", ({ problem }) => problem === null);
    await control.rpc("HUB", "federated", {});
    expect((await trust()).federated).toBeUndefined();
    await until("the root", async () => (await trust()).federated?.["other.test"]?.[0] === second.der);
  });

  it("makes no root anew where it is the same", async () => {
    await settled("a good bundle", ({ problem }) => problem === null);
    const issued = async () => {
      const answer = await control.root("all");
      return answer.kind === "root" ? (JSON.parse(answer.root.payload) as Root).issuedAt : null;
    };
    const [before, looks] = [await issued(), asked];
    await until("two more looks", () => asked >= looks + 2);
    expect(await issued()).toBe(before);
  });

  it("is forgotten where the mesh federates no more, and nobody is asked any more", async () => {
    published = { body: bundle(second, 6) };
    expect((await apply([])).status).toBe(200);
    expect((await trust()).federated).toBeUndefined();
    expect(await neighbour()).toBeUndefined();
    await apply([{ trustDomain: "other.test", bundleEndpointURL: url }]);
    published = { body: bundle(first, 1) };
    await settled("the older bundle, anew", ({ sequence }) => sequence !== null && sequence >= 1);
    expect(asked).toBeGreaterThan(0);
  });

  it.each<[string, unknown]>([
    ["the mesh's own domain", [{ trustDomain: "cluster.local", bundleEndpointURL: "https://a.example.com/b" }]],
    ["a host off the egress list", [{ trustDomain: "a.test", bundleEndpointURL: "https://a.example.com/b" }]],
    ["no https", [{ trustDomain: "a.test", bundleEndpointURL: "http://a.example.com/b" }]],
    ["a user in its URL", [{ trustDomain: "a.test", bundleEndpointURL: "https://u:p@a.example.com/b" }]],
    ["an address", [{ trustDomain: "a.test", bundleEndpointURL: "https://169.254.169.254/b" }]],
    ["one twice", [1, 2].map(() => ({ trustDomain: "a.test", bundleEndpointURL: url }))],
    ["no name", [{ trustDomain: "A.Test", bundleEndpointURL: url }]],
    ["the other profile", [{ trustDomain: "a.test", bundleEndpointURL: url, profile: "https_spiffe" }]],
  ])("is not to be had of %s", async (_, federation) => {
    expect((await apply(federation, "?dryRun=All")).status).toBe(422);
  });
});
