import { describe, expect, it } from "vitest";
import { publicEntrance } from "../../src/request/entrance.ts";
import { receive } from "../../src/request/receive.ts";

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

describe("the public way in of a deployment that wants the edge's proof", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const cf = { tlsClientAuth: { certPresented: "1" }, colo: "AMS", tlsVersion: "TLSv1.3" };
  const come = (proof: string | null, edgeSecret: string | undefined = secret) =>
    publicEntrance("https://a.test/", cf, { gateway: null, local: false, ...(edgeSecret && { edgeSecret }) }, proof);

  it("believes what the edge says, where the secret came with it", () => {
    expect(come(secret)).toMatchObject({ clientAuth: cf.tlsClientAuth, whereabouts: { colo: "AMS" } });
    expect(come(secret)).not.toHaveProperty("unproven");
  });

  it.each([null, "", secret.slice(0, -1), `${secret}0`, secret.replace("f", "g"), `${secret}, ${secret}`])(
    "believes nothing that only the edge can know where %s came",
    (proof) => {
      expect(come(proof)).toMatchObject({ clientAuth: undefined, whereabouts: { colo: null }, unproven: true });
      const headers = new Headers({ host: "a.test", "cf-connecting-ip": "10.1.2.3", "x-tulle-edge": proof ?? "x" });
      const received = receive({ url: "https://a.test/", method: "GET", headers, body: null }, come(proof));
      expect(received).toMatchObject({ ok: true, value: { clientIp: null, sourceIp: null } });
      expect(received.ok && Object.keys(received.value.headers)).toEqual(["host"]);
    },
  );

  it("believes whoever may deploy to the account where no proof is wanted", () => {
    expect(publicEntrance("https://a.test/", cf, { gateway: null, local: false })).toMatchObject({
      clientAuth: cf.tlsClientAuth,
    });
  });
});
