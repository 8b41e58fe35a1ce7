import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestAuthority } from "../identity/svids.ts";
import { type CertificateBinding, SendingMesh } from "./sending-mesh.ts";

const rule = (host: string, tls: string) => `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host} }
spec: { host: ${host}, trafficPolicy: { tls: ${tls} } }
`;

/** The same origin once more, under a name whose certificate the gateway lacks. */
const OTHER = `
---
apiVersion: v1
kind: Service
metadata: { name: other }
spec: { selector: { app: public }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: other }
spec: { hosts: [other.test], gateways: [front], http: [{ route: [{ destination: { host: other } }] }] }
${rule("other", "{ mode: MUTUAL, credentialName: nobodys }")}`;

interface Seen {
  readonly client: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

describe("an endpoint that asks for a client certificate", () => {
  let server: Server;
  let mesh: SendingMesh;
  const seen: Seen[] = [];

  beforeAll(async () => {
    const authority = await TestAuthority.create();
    const own = await authority.leaf({ dns: ["origin.example.com"] });
    const client = await authority.leaf({ commonName: "shop" });
    const ca = authority.certificate.toString("pem");
    server = createServer({ ...own, ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      const client = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
      seen.push({ client: String(client), headers: request.headers });
      response.end("for those who are known");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const CERT_SHOP_CLIENT: CertificateBinding = {
      external: {
        address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        https: {
          options: {},
          certificateHost: "origin.example.com",
          tlsOptions: {
            keypair: { privateKey: client.key, certificateChain: client.cert },
            trustedCertificates: [ca],
          },
        },
      },
    };
    mesh = await SendingMesh.start({
      bindings: { CERT_SHOP_CLIENT },
      rules:
        rule("public", "{ mode: MUTUAL, credentialName: shop-client }") + rule("private", "{ mode: DISABLE }") + OTHER,
    });
  });
  afterAll(async () => {
    await mesh.stop();
    server.closeAllConnections();
    server.close();
  });

  it("is shown the one of the gateway's binding that the rule names, and not the mesh's own identity", async () => {
    const answer = await mesh.call("http://public/shop");
    expect([answer.status, answer.body.toString()]).toEqual([200, "for those who are known"]);
    expect(seen.at(-1)).toMatchObject({ client: "shop", headers: { host: "origin.example.com" } });
    expect(seen.at(-1)?.headers).not.toHaveProperty("x-forwarded-client-cert");
  });

  it("is not called where the gateway has no such binding", async () => {
    const before = seen.length;
    expect(await mesh.get("http://other.test/shop")).toMatchObject({ status: 503 });
    expect(seen.length).toBe(before);
    expect(await mesh.logged("/shop", 2)).toContainEqual(
      expect.objectContaining({ status: 503, response_flags: "UH" }),
    );
  });

  it("is told who calls only where TLS is the mesh's own", async () => {
    const told: unknown[] = [];
    mesh.origin = ({ headers }, response) => {
      told.push(headers["x-forwarded-client-cert"]);
      response.end();
    };
    await mesh.call("http://worker/told");
    await mesh.call("http://private/told");
    expect(told).toEqual([expect.stringContaining("URI=spiffe://cluster.local/ns/default/sa/caller"), undefined]);
  });
});
