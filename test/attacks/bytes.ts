import type { TestAuthority } from "../identity/svids.ts";
import { clientAuth } from "./certificates.ts";
import { type AttackRequest, expanded } from "./corpus.ts";
import type { BindingCall } from "./fixture.ts";
import { NotCovered } from "./outcome.ts";
import type { AttackIssuer } from "./tokens.ts";
import { own } from "./worlds.ts";

/** Who signs what the requests of the cases carry, and the clock that their times are relative to. */
export interface Signers {
  readonly authority: TestAuthority;
  readonly issuer: AttackIssuer;
  /** Epoch ms. */
  now(): number;
  /** Contents of a body that a case names instead of writing it, or null. */
  body?(name: string): Buffer | null;
}

/**
 * One request of a case as it goes over the socket.
 *
 * @param platform headers that only the platform can set
 * @throws if it asks for a token or a certificate that can't be made here
 */
export async function bytesOf(
  request: AttackRequest,
  index: number,
  signers: Signers,
  platform: readonly string[] = [],
): Promise<Buffer> {
  const { tls, scheme = "https", cf_connecting_ip: address } = request;
  if (scheme !== "http" && scheme !== "https") throw new NotCovered(`no scheme \`${scheme}\``);
  const cf: Record<string, unknown> = scheme === "https" ? { tlsVersion: "TLSv1.3" } : {};
  if (tls !== undefined && tls !== null) cf["tlsClientAuth"] = await clientAuth(tls, signers.authority, signers.now());
  const first = [
    ...platform,
    `MF-CF-Blob: ${asciiJson(cf)}`,
    ...(address === undefined ? [] : [`CF-Connecting-IP: ${address}`]),
  ];
  if (request.raw !== undefined) return rawBytes(request, index, signers, first);
  const { headers, target } = filled(request, index, signers);
  const body = bodyOf(request, signers);
  const head = [
    `${request.method ?? "GET"} ${Buffer.from(target).toString("latin1")} HTTP/1.1`,
    `Host: ${Buffer.from(own(request.host ?? "api.test", index)).toString("latin1")}`,
    "Connection: close",
    ...first,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === null ? [] : [`Content-Length: ${body.length}`]),
  ];
  const bytes = Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1");
  return body === null ? bytes : Buffer.concat([bytes, body]);
}

/** What the platform sets stands right behind the request's first line. */
function rawBytes(request: AttackRequest, index: number, signers: Signers, first: readonly string[]): Buffer {
  const raw = own(expanded(request.raw ?? ""), index).replaceAll("{jwt}", () => tokenOf(request, signers));
  const end = raw.search(/\r?\n/);
  if (end < 0) return Buffer.from(raw, "latin1");
  return Buffer.from(`${raw.slice(0, end)}\r\n${first.join("\r\n")}${raw.slice(end)}`, "latin1");
}

/** Header fields and target with the tokens where they go. */
function filled(
  request: AttackRequest,
  index: number,
  signers: Signers,
): Pick<Required<AttackRequest>, "headers" | "target"> {
  const token = tokenOf(request, signers);
  const second = request.jwt2 === undefined ? "" : signers.issuer.token(request.jwt2);
  const fill = (text: string): string =>
    own(expanded(text), index)
      .replaceAll("{jwt2}", () => second)
      .replaceAll("{jwt}", () => token);
  const headers = (request.headers ?? []).map(([name, value]) => [name, fill(value)] as const);
  const shown = [request.target ?? "", ...(request.headers ?? []).flat()].some((text) => text.includes("{jwt}"));
  return {
    headers: token === "" || shown ? headers : [...headers, ["Authorization", `Bearer ${token}`]],
    target: fill(request.target ?? "/"),
  };
}

function tokenOf({ jwt, mutate }: AttackRequest, { issuer }: Signers): string {
  return jwt === undefined ? "" : issuer.token(jwt, mutate);
}

function bodyOf({ body }: AttackRequest, signers: Signers): Buffer | null {
  if (body === undefined) return null;
  return signers.body?.(body) ?? Buffer.from(expanded(body));
}

/** A header's value is bytes: what is not ASCII is written as JSON can write it. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\u0020-\u007e]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** One request of a case as another Worker of the account sends it over its service binding. */
export async function bindingCallOf(request: AttackRequest, index: number, signers: Signers): Promise<BindingCall> {
  if (request.raw !== undefined) throw new NotCovered("raw bytes over a service binding");
  const { tls } = request;
  const host = own(request.host ?? "api.test", index);
  const { headers, target } = filled(request, index, signers);
  const auth = tls === undefined || tls === null ? null : await clientAuth(tls, signers.authority, signers.now());
  const address = request.cf_connecting_ip;
  return {
    url: `https://${host}${target}`,
    method: request.method ?? "GET",
    headers: [["Host", host], ...(address === undefined ? [] : [["CF-Connecting-IP", address] as const]), ...headers],
    ...(request.body !== undefined && { body: request.body }),
    cf: { tlsVersion: "TLSv1.3", ...(auth !== null && { tlsClientAuth: auth }) },
  };
}
