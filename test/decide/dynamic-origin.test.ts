import { describe, expect, it } from "vitest";
import { link } from "../../src/snapshot/link.ts";
import { type Endpoint, FORMAT, type Route } from "../../src/snapshot/model.ts";
import { cluster, decided, facts, OPEN } from "./requests.ts";

const everywhere: Endpoint = {
  id: "dynamic:*.vendor.test",
  address: { kind: "dynamic", hosts: ["*.vendor.test"], except: ["pay.vendor.test", "*.eu.vendor.test"] },
  weight: 1,
  workload: { name: "vendor", namespace: "default", principal: null, app: "vendor", version: "latest" },
  policySet: 0,
};

function slice(route: Partial<Route> = {}) {
  const whole = { name: "default", matches: [], destinations: [{ cluster: "vendor", weight: 1 }], ...route };
  return link({
    format: FORMAT,
    host: "*.vendor.test",
    path: { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" },
    routes: [whole],
    clusters: { vendor: cluster("vendor", [everywhere]) },
    policySets: [OPEN],
  });
}

const to = (host: string, authority = host) => facts({ host, authority });

describe("a call of a host under a wildcard", () => {
  it("goes to that host's origin, without the port that was called", () => {
    expect(decided(slice(), to("api.vendor.test", "api.vendor.test:8080"))).toMatchObject({
      effect: "forward",
      origin: "https://api.vendor.test",
    });
  });

  it("goes where a rewrite of the authority says", () => {
    const rewritten = slice({ rewrite: { authority: "Other.vendor.test:444" } });
    expect(decided(rewritten, to("api.vendor.test"))).toMatchObject({ origin: "https://other.vendor.test" });
  });

  it.each(["pay.vendor.test", "x.eu.vendor.test", "vendor.test", "evil.test", "10.0.0.1", "localhost"])(
    "does not go to %s",
    (host) => {
      expect(decided(slice(), to(host))).toMatchObject({ effect: "answer", code: "host_not_allowed", status: 502 });
      expect(decided(slice({ rewrite: { authority: host } }), to("api.vendor.test"))).toMatchObject({
        code: "host_not_allowed",
      });
    },
  );
});
