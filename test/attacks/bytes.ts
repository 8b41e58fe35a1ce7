import type { TestAuthority } from "../identity/svids.ts";
import { type AttackRequest, expanded, type TlsClient } from "./corpus.ts";
import type { BindingCall } from "./fixture.ts";
import type { AttackIssuer } from "./tokens.ts";
import { own } from "./worlds.ts";

/** Who signs what the requests of the cases carry. */
export interface Signers {
  readonly authority: TestAuthority;
  readonly issuer: AttackIssuer;
}

/**
 * One request of a case as it goes over the socket, one character a byte.
 *
 * @throws if it asks for a token or a certificate that can't be made here
 */
export async function bytesOf(request: AttackRequest, index: number, { authority, issuer }: Signers): Promise<string> {
  const cf: Record<string, unknown> = { tlsVersion: "TLSv1.3" };
  if (request.tls !== undefined && request.tls !== null) cf["tlsClientAuth"] = await clientAuth(request.tls, authority);
  const platform = [
    `MF-CF-Blob: ${JSON.stringify(cf)}`,
    ...(request.cf_connecting_ip === undefined ? [] : [`CF-Connecting-IP: ${request.cf_connecting_ip}`]),
  ];
  if (request.raw !== undefined) {
    const raw = own(expanded(request.raw), index);
    const end = raw.indexOf("\r\n");
    return `${raw.slice(0, end)}\r\n${platform.join("\r\n")}${raw.slice(end)}`;
  }
  const token = request.jwt === undefined ? "" : issuer.token(request.jwt, request.mutate);
  const second = request.jwt2 === undefined ? "" : issuer.token(request.jwt2);
  const fields = (request.headers ?? []).map(
    ([name, value]) => `${name}: ${own(expanded(value), index).replaceAll("{jwt}", token)}`,
  );
  if (token !== "" && !JSON.stringify(request.headers ?? []).includes("{jwt}"))
    fields.push(`Authorization: Bearer ${token}`);
  const target = expanded(request.target ?? "/") + (second === "" ? "" : `?access_token=${second}`);
  const { body } = request;
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [
    `${request.method ?? "GET"} ${Buffer.from(target).toString("latin1")} HTTP/1.1`,
    `Host: ${own(request.host ?? "api.test", index)}`,
    "Connection: close",
    ...platform,
    ...fields,
    ...length,
  ];
  return `${head.join("\r\n")}\r\n\r\n${body ?? ""}`;
}

/** One request of a case as another Worker of the account sends it over its service binding. */
export async function bindingCallOf(request: AttackRequest, index: number, signers: Signers): Promise<BindingCall> {
  const tls = request.tls ?? null;
  const host = own(request.host ?? "api.test", index);
  return {
    url: `https://${host}${request.target ?? "/"}`,
    method: request.method ?? "GET",
    headers: [["Host", host], ...(request.headers ?? [])],
    cf: {
      tlsVersion: "TLSv1.3",
      ...(tls !== null && { tlsClientAuth: await clientAuth(tls, signers.authority) }),
    },
  };
}

/** `request.cf.tlsClientAuth`, with a leaf certificate as the case describes it. */
async function clientAuth(tls: TlsClient, authority: TestAuthority): Promise<Record<string, unknown>> {
  const { peer, uriSans, dnsSans, cn, notAfter, notBefore, certRFC9440, ...plain } = tls;
  const presented = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", ...plain };
  if (certRFC9440 !== undefined) return { ...presented, certRFC9440 };
  const uris = peer === undefined ? uriSans : [peer];
  if (uris === undefined) return { ...presented, certRFC9440: "" };
  const [after, before] = [instant(notAfter), instant(notBefore)];
  const leaf = await authority.issue({
    // A name that is no ASCII goes into the certificate as the bytes of its UTF-8.
    uris: uris.map((uri) => Buffer.from(uri).toString("latin1")),
    ...(dnsSans !== undefined && { dns: dnsSans }),
    ...(cn !== undefined && { commonName: cn }),
    ...(after !== undefined && { notAfter: after }),
    ...(before !== undefined && { notBefore: before, notAfter: before + 1_000_000 }),
  });
  return { ...presented, certRFC9440: `:${Buffer.from(leaf).toString("base64")}:`, certRFC9440TooLarge: false };
}

/** `now-60` in epoch milliseconds. */
function instant(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, by] = /^now([+-]\d+)$/.exec(text) ?? [];
  if (by === undefined) throw new Error(`\`${text}\` is no time`);
  return (Math.floor(Date.now() / 1_000) + Number(by)) * 1_000;
}
