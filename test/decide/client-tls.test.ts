import { describe, expect, it } from "vitest";
import type { ClientCertificate, ClientTls } from "../../src/identity/client-tls.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { Front } from "../../src/snapshot/model.ts";
import { decided, facts, peer, slice } from "./requests.ts";

const GATEWAY = { name: "gw", namespace: "istio-system", principal: null, app: "gw", version: "latest" };
const SVID: Peer = { ...peer("web"), by: "certificate" };
const GOOD: ClientCertificate = { verified: true, hash: "aa", spki: "key", names: ["spiffe://a/b", "web.test"] };
const BAD: ClientCertificate = { ...GOOD, verified: false };

function outcome(front: Partial<Front>, tls: Partial<ClientTls>, who: Peer = NO_PEER): string {
  const whole: Front = { gateway: "a/gw", workload: GATEWAY, policySet: 0, clientCertificate: "none", ...front };
  const client = { version: "TLSv1.3", cipher: "AEAD-AES128-GCM-SHA256", certificate: null, ...tls };
  const decision = decided(slice({ front: whole }), facts({ entrance: "public", peer: who, tls: client }));
  return decision.effect === "answer" ? decision.code : "let in";
}

describe("a Gateway's listener", () => {
  it.each<[string, Front["tls"], Partial<ClientTls>, string]>([
    ["the lowest version", { minVersion: "TLSv1.2" }, { version: "TLSv1.2" }, "let in"],
    ["an older version", { minVersion: "TLSv1.2" }, { version: "TLSv1.1" }, "tls_refused"],
    ["the highest version", { maxVersion: "TLSv1.2" }, { version: "TLSv1.2" }, "let in"],
    ["a newer version", { maxVersion: "TLSv1.2" }, { version: "TLSv1.3" }, "tls_refused"],
    ["a version that is not told", { minVersion: "TLSv1.2" }, { version: null }, "tls_refused"],
    ["a version that nobody knows", { minVersion: "TLSv1" }, { version: "TLSv4" }, "tls_refused"],
    ["a suite of its list", { ciphers: ["AES128-SHA"] }, { version: "TLSv1.2", cipher: "AES128-SHA" }, "let in"],
    ["another suite", { ciphers: ["AES128-SHA"] }, { version: "TLSv1.2", cipher: "AES256-SHA" }, "tls_refused"],
    ["a suite that is not told", { ciphers: ["AES128-SHA"] }, { version: "TLSv1.2", cipher: null }, "tls_refused"],
    ["any suite of TLS 1.3", { ciphers: ["AES128-SHA"] }, { version: "TLSv1.3" }, "let in"],
  ])("%s", (_, tls, client, wants) => {
    expect(outcome({ ...(tls && { tls }) }, client)).toBe(wants);
  });

  it.each<[string, Partial<Front>, ClientCertificate | null, Peer, string]>([
    ["wants one, none came", { clientCertificate: "required" }, null, NO_PEER, "client_certificate_required"],
    ["wants one of the mesh", { clientCertificate: "required" }, GOOD, SVID, "let in"],
    [
      "wants one of the mesh, another came",
      { clientCertificate: "required" },
      GOOD,
      NO_PEER,
      "client_certificate_refused",
    ],
    ["takes one, none came", { clientCertificate: "optional" }, null, NO_PEER, "let in"],
    ["takes one, a bad one came", { clientCertificate: "optional" }, BAD, NO_PEER, "client_certificate_refused"],
    [
      "takes any, a bad one came",
      { clientCertificate: "optional", tls: { signedBy: "anybody" } },
      BAD,
      NO_PEER,
      "let in",
    ],
    [
      "takes any, none came",
      { clientCertificate: "required", tls: { signedBy: "anybody" } },
      null,
      NO_PEER,
      "client_certificate_required",
    ],
    [
      "believes the platform",
      { clientCertificate: "required", tls: { signedBy: "platform" } },
      GOOD,
      NO_PEER,
      "let in",
    ],
    [
      "believes the platform, which says no",
      { clientCertificate: "required", tls: { signedBy: "platform" } },
      BAD,
      NO_PEER,
      "client_certificate_refused",
    ],
    ["wants a name", { clientCertificate: "required", tls: { names: ["web.test"] } }, GOOD, SVID, "let in"],
    [
      "wants another name",
      { clientCertificate: "required", tls: { names: ["test"] } },
      GOOD,
      SVID,
      "client_certificate_refused",
    ],
    ["wants a hash", { clientCertificate: "required", tls: { hashes: ["bb", "aa"] } }, GOOD, SVID, "let in"],
    [
      "wants another hash",
      { clientCertificate: "required", tls: { hashes: ["bb"] } },
      GOOD,
      SVID,
      "client_certificate_refused",
    ],
    [
      "wants a hash or a key",
      { clientCertificate: "required", tls: { hashes: ["bb"], keys: ["key"] } },
      GOOD,
      SVID,
      "let in",
    ],
    [
      "wants another key",
      { clientCertificate: "required", tls: { keys: ["x"] } },
      GOOD,
      SVID,
      "client_certificate_refused",
    ],
    [
      "wants a hash of any certificate",
      { clientCertificate: "required", tls: { signedBy: "anybody", hashes: ["cc"] } },
      BAD,
      NO_PEER,
      "client_certificate_refused",
    ],
    [
      "wants a hash, and the platform did not hand the certificate over",
      { clientCertificate: "required", tls: { hashes: ["aa"] } },
      { ...GOOD, hash: "", spki: "", names: [] },
      SVID,
      "client_certificate_refused",
    ],
    ["asks for none", { clientCertificate: "none" }, BAD, NO_PEER, "let in"],
  ])("%s", (_, front, certificate, who, wants) => {
    expect(outcome(front, { certificate }, who)).toBe(wants);
  });
});
