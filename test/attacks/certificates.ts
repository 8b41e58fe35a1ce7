import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { TestAuthority } from "../identity/svids.ts";
import type { TlsClient } from "./corpus.ts";
import { NotCovered } from "./outcome.ts";

/** Members that describe the leaf; all others are copied as they stand. */
export const LEAF_FIELDS: ReadonlySet<string> = new Set(
  "peer uriSans dnsSans cn notAfter notBefore basicConstraintsCA keyUsage issuer certRFC9440".split(" "),
);

/** Authorities that are not the mesh's, by the name that a case gives them. */
const foreign = new Map<string, Promise<TestAuthority>>();

/**
 * `request.cf.tlsClientAuth`, with a leaf certificate as the case describes it.
 *
 * @param authority the mesh's own
 * @param now epoch ms
 */
export async function clientAuth(
  tls: TlsClient,
  authority: TestAuthority,
  now: number,
): Promise<Readonly<Record<string, unknown>>> {
  const plain = Object.entries(tls).filter(([name]) => !LEAF_FIELDS.has(name));
  const presented = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", ...Object.fromEntries(plain) };
  if ("certRFC9440" in tls) return { ...presented, certRFC9440: tls.certRFC9440 };
  const describesLeaf = Object.keys(tls).some((name) => LEAF_FIELDS.has(name));
  if (!describesLeaf) return { ...presented, certRFC9440: "" };
  const leaf = await leafOf(tls, authority, now);
  return { certRFC9440TooLarge: false, certRFC9440: `:${Buffer.from(leaf).toString("base64")}:`, ...presented };
}

async function leafOf(tls: TlsClient, authority: TestAuthority, now: number): Promise<Uint8Array> {
  const { peer, uriSans = [], dnsSans, cn, basicConstraintsCA, keyUsage, issuer } = tls;
  const [after, before] = [instant(tls.notAfter, now), instant(tls.notBefore, now)];
  const by = await issuerBy(issuer, authority);
  return by.issue({
    // A name that is no ASCII goes into the certificate as the bytes of its UTF-8.
    uris: (peer === undefined ? uriSans : [peer]).map((uri) => Buffer.from(uri).toString("latin1")),
    ...(dnsSans !== undefined && { dns: dnsSans }),
    ...(cn !== undefined && { commonName: cn }),
    ...(basicConstraintsCA !== undefined && { ca: basicConstraintsCA }),
    ...(keyUsage !== undefined && { keyUsage: usageOf(keyUsage) }),
    ...(after !== undefined && { notAfter: after }),
    ...(before !== undefined && { notBefore: before }),
    ...(before !== undefined && after === undefined && { notAfter: before + 1_000_000 }),
  });
}

async function issuerBy(name: string | undefined, mesh: TestAuthority): Promise<TestAuthority> {
  if (name === undefined || /^(?:mesh|own|mesh-ca)$/.test(name)) return mesh;
  // Another one that calls itself the same.
  return name === "namesake" ? TestAuthority.create(mesh.certificate.subject) : foreignBy(name);
}

/** What it signs may outlive it. */
const ENDED = /^ended /;

async function foreignBy(name: string): Promise<TestAuthority> {
  const known = foreign.get(name);
  const named = name.includes("=") ? name : `CN=${name.replaceAll(/[,+="<>#;\\]/g, " ")}`;
  const authority = known ?? TestAuthority.create(named, ENDED.test(name) ? Date.now() - 60_000 : undefined);
  foreign.set(name, authority);
  return authority;
}

/** Of the trust domain that some cases federate with. @param issuers its authorities, by the names that cases give them */
export async function bundleOf(issuers: readonly string[]): Promise<object> {
  const authorities = await Promise.all(issuers.map(foreignBy));
  return { keys: authorities.map(({ der }) => ({ kty: "EC", use: "x509-svid", x5c: [der] })), spiffe_sequence: 1 };
}

function usageOf(names: readonly string[] | null): number {
  let flags = 0;
  for (const name of names ?? []) {
    const flag = x509.KeyUsageFlags[name as keyof typeof x509.KeyUsageFlags];
    if (typeof flag !== "number") throw new NotCovered(`no key usage \`${name}\``);
    flags |= flag;
  }
  return flags;
}

/** `now-60` in epoch milliseconds. */
function instant(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const [whole, by = "0"] = /^now([+-]\d+)?$/.exec(text) ?? [];
  if (whole !== undefined) return (Math.floor(now / 1_000) + Number(by)) * 1_000;
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new NotCovered(`\`${text}\` is no time`);
  return at;
}

/** What a case calls `garbage-set`: each is tried. */
export async function garbageSet(authority: TestAuthority, uri: string): Promise<readonly unknown[]> {
  const good = Buffer.from(await authority.issue({ uris: [uri] }));
  const shown = (bytes: Buffer): string => `:${bytes.toString("base64")}:`;
  const nested = Buffer.alloc(64 * 1_024, 0);
  for (let at = 0; at + 4 <= nested.length; at += 4) {
    nested[at] = 0x30;
    nested[at + 1] = 0x82;
    nested.writeUInt16BE(Math.max(nested.length - at - 4, 0) & 0xffff, at + 2);
  }
  return [
    "garbage",
    ":not base64!:",
    "::",
    ":",
    good.toString("base64"),
    shown(good.subarray(0, -20)),
    shown(Buffer.concat([good, Buffer.from("trailing")])),
    shown(nested),
    42,
    null,
    [shown(good)],
  ];
}
