import { describe, expect, it } from "vitest";
import { parseOptions } from "../../edge/options.ts";

describe("the options of npm start", () => {
  it("have defaults for a first look", () => {
    expect(parseOptions([])).toEqual({
      ok: true,
      value: {
        json: false,
        state: ".tulle",
        project: null,
        environment: null,
        portBase: 18_000,
        loopback: "127.0.1",
        examples: ["bookinfo", "article"],
        gateways: 2,
        locations: 1,
        only: null,
        servicePorts: false,
        unmeshed: false,
        originPort: null,
        plainPrivate: false,
        trustDomain: "cluster.local",
      },
    });
  });

  it("name examples, all or none", () => {
    const examples = (...args: readonly string[]) => {
      const parsed = parseOptions(args);
      return parsed.ok ? parsed.value.examples : parsed.error;
    };
    expect(examples("--example", "article")).toEqual(["article"]);
    expect(examples("--example", "article", "--example", "bookinfo")).toEqual(["bookinfo", "article"]);
    expect(examples("--example", "all")).toEqual(["bookinfo", "article"]);
    expect(examples("--empty")).toEqual([]);
  });

  it("run a project in place of the examples", () => {
    const parsed = parseOptions(["--project", "tulle.jsonc", "--env", "staging"]);
    expect(parsed.ok && parsed.value).toMatchObject({ project: "tulle.jsonc", environment: "staging", examples: [] });
  });

  it.each([
    [["--port"], "--port"],
    [["extra"], "extra"],
    [["--port-base", "80"], "--port-base"],
    [["--port-base", "x"], "--port-base"],
    [["--port-base", "65000"], "--port-base"],
    [["--loopback", "10.0.0.0/24"], "--loopback"],
    [["--loopback", "127.0.300.0/24"], "--loopback"],
    [["--loopback", "127.0.1.0/16"], "--loopback"],
    [["--gateways", "0"], "--gateways"],
    [["--gateways", "17"], "--gateways"],
    [["--locations", "0"], "--locations"],
    [["--locations", "x"], "--locations"],
    [["--gateways", "3", "--locations", "4"], "--locations"],
    [["--only", "edge"], "--only"],
    [["--origin-port", "x"], "--origin-port"],
    [["--origin-port", "0"], "--origin-port"],
    [["--example", "nothing"], "nothing"],
    [["--example", "article", "--empty"], "--empty"],
    [["--project", "tulle.jsonc", "--example", "article"], "--example"],
    [["--project", "tulle.jsonc", "--only", "data"], "--only"],
    [["--env", "staging"], "--project"],
  ])("refuse %j and name what is wrong", (args, named) => {
    const parsed = parseOptions(args);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.error).toContain(named);
  });

  it("ask for the text of help", () => {
    expect(parseOptions(["--help"])).toEqual({ ok: false, error: null });
  });
});
