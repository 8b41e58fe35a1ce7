import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningControl } from "./running.ts";

/** About 4,000 instructions each. */
const costly = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    match: [{ uri: { regex: `(?i)${"[\\x{0}-\\x{3000}]".repeat(18)}${from + index}` } }],
    directResponse: { status: 204 },
  }));

const route = (name: string, http: unknown) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { name },
  spec: { hosts: ["shop.test"], gateways: ["gw"], http },
});
const GATEWAY = {
  apiVersion: "networking.istio.io/v1",
  kind: "Gateway",
  metadata: { name: "gw" },
  spec: { servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*"] }] },
};

describe("regular expressions that take too long to compile", () => {
  let control: RunningControl;
  beforeAll(async () => {
    control = await RunningControl.start();
    expect((await control.apply(JSON.stringify(GATEWAY))).status).toBe(200);
  });
  afterAll(() => control.stop());

  it("are refused where one write brings too many of them, by the limit's name", async () => {
    const { status, json } = await control.apply(JSON.stringify(route("all", costly(0, 200))));
    expect([status, json["message"]]).toEqual([422, expect.stringContaining("cost more than 250000 instructions")]);
  });

  it("are refused where several objects bring too many of them to one host, and others are kept", async () => {
    expect((await control.apply(JSON.stringify(route("one", costly(0, 20))))).status).toBe(200);
    const { status, json } = await control.apply(JSON.stringify(route("two", costly(20, 20))));
    expect([status, json["message"]]).toEqual([
      422,
      expect.stringMatching(/`gw\/default\/gw\/80 shop\.test` would cost \d+ instructions of at most 100000/),
    ]);
    expect((await control.apply(JSON.stringify(route("two", costly(0, 20))))).status).toBe(200);
  });
});
