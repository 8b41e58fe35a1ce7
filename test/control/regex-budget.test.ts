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

  it("are refused in Telemetry that would fill the configuration of all gateways, by its namespace", async () => {
    const telemetry = (tags: number) => {
      const classes = (tag: number) =>
        Array.from({ length: 20 }, (_, at) => `[^\\pL${String.fromCodePoint(0x2190 + tag * 20 + at)}]`).join("");
      const tagOverrides = Object.fromEntries(
        Array.from({ length: tags }, (_, tag) => [
          `t${tag}`,
          { operation: "UPSERT", value: `request.url_path.matches(r'${classes(tag)}') ? 'a' : 'b'` },
        ]),
      );
      return JSON.stringify({
        apiVersion: "telemetry.istio.io/v1",
        kind: "Telemetry",
        metadata: { name: "t", namespace: "default" },
        spec: { metrics: [{ providers: [{ name: "prometheus" }], overrides: [{ tagOverrides }] }] },
      });
    };
    const { status, json } = await control.apply(telemetry(4));
    expect([status, json["message"]]).toEqual([
      422,
      expect.stringMatching(/in the Telemetry of the namespace `default` would take \d+ characters .* at most 262144/),
    ]);
    expect((await control.apply(telemetry(1))).status).toBe(200);
  });
});
