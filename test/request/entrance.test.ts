import { describe, expect, it } from "vitest";
import { publicEntrance } from "../../src/request/entrance.ts";

const SNI = "outbound_.9080_._.reviews.default.svc.cluster.local";

describe("the scheme of a call from outside", () => {
  const scheme = (listener: object | undefined, local = true): string =>
    publicEntrance("http://reviews/", { tlsVersion: "TLSv1.3", tulleListener: listener }, { gateway: null, local })
      .scheme;

  it("is that of its workload where an Istio sidecar made the TLS", () => {
    expect(scheme({ gateway: "", port: 18_030, mesh: true, sni: SNI })).toBe("http");
    expect(scheme({ gateway: "", port: 18_030, mesh: true, sni: SNI.toUpperCase() })).toBe("http");
  });

  it("is https over any other TLS of the local mesh, and at Gateways", () => {
    expect(scheme({ gateway: "", port: 18_030, mesh: true, sni: "reviews.default" })).toBe("https");
    expect(scheme({ gateway: "default/g", port: 443, mesh: false, sni: SNI })).toBe("https");
    expect(scheme(undefined)).toBe("https");
  });

  it("is the URL's on an account, whatever the platform says of the listener", () => {
    expect(scheme({ gateway: "", port: 18_030, mesh: true, sni: SNI }, false)).toBe("http");
    const secure = publicEntrance(
      "https://a.test/",
      { tulleListener: { port: 1, mesh: true, sni: SNI } },
      {
        gateway: null,
        local: false,
      },
    );
    expect(secure.scheme).toBe("https");
  });
});
