import type { ClientCertificate } from "../../src/identity/client-tls.ts";
import { clientBehind } from "../../src/request/trusted-proxies.ts";
import type { HttpCall } from "./http-call.ts";

/** After step 3, at a Gateway: who stands behind trusted proxies, and what its listener asks of the client's TLS. */
export function enterGateway(call: HttpCall): null | Promise<null> {
  const { front } = call.slice;
  if (front === null) return null;
  const { trustedProxies } = front.model;
  const { entrance } = call;
  // Behind nobody knows whom there is nobody to be seen.
  const unproven = entrance.kind === "public" && entrance.unproven === true;
  if (trustedProxies !== undefined && !unproven) lookBehind(call, trustedProxies);
  return front.asksTls ? readTls(call) : null;
}

function lookBehind(call: HttpCall, proxies: number): void {
  const { received, journal } = call;
  const { headers, clientIp: peer } = received;
  const forwarded = call.headers.get("x-forwarded-for");
  const clientIp = clientBehind(forwarded, proxies) ?? peer;
  call.received = { ...received, clientIp };
  journal.clientIp = clientIp;
  if (clientIp !== null) headers["x-envoy-external-address"] = clientIp;
  const list = [forwarded, peer].filter((part) => part !== null && part !== "").join(", ");
  if (list !== "") headers["x-forwarded-for"] = list;
}

function readTls(call: HttpCall): null | Promise<null> {
  const { entrance, mesh } = call;
  if (entrance.kind !== "public") return null;
  const { tlsVersion, tlsCipher, clientAuth } = entrance;
  const take = (certificate: ClientCertificate | null): null => {
    call.tls = { version: textOf(tlsVersion), cipher: textOf(tlsCipher), certificate };
    return null;
  };
  const read = mesh.certificates.read(clientAuth, Date.now());
  return read instanceof Promise ? read.then(take) : take(read);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
