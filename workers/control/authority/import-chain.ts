import * as x509 from "@peculiar/x509";
import { parseCertificate } from "../../../src/identity/certificate.ts";
import { contentOf, type Element, readChildren, readElement } from "../../../src/identity/der.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import { base64ToBytes, bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import type { CaStore } from "./ca-store.ts";
import { timesOf } from "./keys.ts";
import { pemOf } from "./signing.ts";

/** An intermediate that was signed elsewhere, with what stands above it. */
interface ImportedChain {
  readonly intermediate: x509.X509Certificate;
  /** Between it and the root, nearest first. */
  readonly between: readonly x509.X509Certificate[];
  readonly root: x509.X509Certificate;
  /** Epoch ms: when the first of them ends. */
  readonly notAfter: number;
}

/** A workload shows its chain with each connection, and the platform hands over 16 KiB. */
const MAX_CERTIFICATES = 5;
const MAX_CHAIN_BYTES = 8_192;
/** A certificate of a workload may live a day, and not longer than what signs it. */
const MIN_LIFE_MS = 2 * 86_400_000;
const LEEWAY_MS = 60_000;
const NAME_CONSTRAINTS = "2.5.29.30";

/**
 * Takes an intermediate that a root of the administrator's own signed, for the key of the mesh's request.
 *
 * @param leads how long it is trusted before it signs, ms: `root` where its root is not known yet
 * @returns when it signs, epoch ms; in the error's place what is wrong
 */
export async function importChain(
  pem: string,
  store: CaStore,
  {
    trustDomain,
    leads,
    now,
  }: {
    readonly trustDomain: string;
    readonly leads: { readonly root: number; readonly intermediate: number };
    readonly now: number;
  },
): Promise<Result<number, string>> {
  const request = store.request();
  if (request === null) return err("there is no request that this could answer: begin with `tulle ca csr`");
  const spki = new x509.Pkcs10CertificateRequest(request.csr).publicKey.rawData;
  const chain = await readChain(pem, { trustDomain, spki }, now);
  if (!chain.ok) return chain;
  const { intermediate, between, root, notAfter } = chain.value;
  const known = store.all();
  const waiting = known.find(({ role, signsFrom }) => role !== "root" && signsFrom > now);
  if (waiting !== undefined)
    return err(
      `another certificate waits until ${new Date(waiting.signsFrom).toISOString()}: import this one after that`,
    );
  const above = timesOf(root);
  const certificates = new Set(known.map(({ certificate }) => certificate));
  const isNew = !certificates.has(pemOf(root));
  const taken = new Set(known.map(({ serial }) => serial));
  if (taken.has(timesOf(intermediate).serial) || (isNew && taken.has(above.serial)))
    return err("another certificate of the authority has the same serial number: sign with a new one");
  const signsFrom = now + (isNew ? leads.root : leads.intermediate);
  const common = { root: above.serial, signsFrom, lastEnds: null };
  const anchor = {
    ...above,
    ...common,
    role: "root" as const,
    certificate: pemOf(root),
    chain: "",
    wrappedKey: null,
    isOurs: false,
  };
  store.add([
    ...(isNew ? [anchor] : []),
    {
      ...timesOf(intermediate),
      ...common,
      // What ends above it ends it, too.
      notAfter,
      role: "intermediate",
      certificate: pemOf(intermediate),
      chain: between.map(pemOf).join(""),
      wrappedKey: request.wrappedKey,
      isOurs: true,
    },
  ]);
  store.forgetRequest();
  return ok(signsFrom);
}

/**
 * Judges a chain for the key of the mesh's request: the intermediate first, each followed by its issuer, the root last.
 *
 * @param pem as the administrator gave it
 * @param wanted what the intermediate is for
 * @returns in the error's place what is wrong, for the administrator
 */
async function readChain(
  pem: string,
  { trustDomain, spki }: { readonly trustDomain: string; readonly spki: ArrayBuffer },
  now: number,
): Promise<Result<ImportedChain, string>> {
  const chain = certificatesOf(pem);
  if (chain === null) return err("`chain` is no list of certificates in PEM");
  const [intermediate, ...above] = chain;
  const root = above.pop();
  if (intermediate === undefined || root === undefined)
    return err("give the intermediate first, then each one's issuer, and the self-signed root last");
  if (chain.length > MAX_CERTIFICATES) return err(`a chain has at most ${MAX_CERTIFICATES} certificates`);
  if (bytesToBase64(intermediate.publicKey.rawData) !== bytesToBase64(spki))
    return err("the first certificate is not for the key of the mesh's request: sign what `tulle ca csr` prints");
  for (const [index, certificate] of chain.entries()) {
    const wrong =
      problemOf(certificate, index, trustDomain, now) ?? (await linkProblem(certificate, chain[index + 1] ?? root));
    if (wrong !== null) return err(`certificate ${index + 1} (${certificate.subject || "no subject"}): ${wrong}`);
  }
  const unread = unreadByGateways(intermediate);
  if (unread !== null) return err(unread);
  const shown = [intermediate, ...above].reduce((sum, { rawData }) => sum + rawData.byteLength, 0);
  if (shown > MAX_CHAIN_BYTES)
    return err(`the chain without its root is ${shown} bytes, of at most ${MAX_CHAIN_BYTES}`);
  return ok({ intermediate, between: above, root, notAfter: Math.min(...chain.map((one) => one.notAfter.getTime())) });
}

function certificatesOf(pem: string): readonly x509.X509Certificate[] | null {
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  try {
    return blocks.map(([, base64 = ""]) => {
      const der = base64ToBytes(base64.replace(/\s/g, ""));
      if (der === null) throw new Error("no base64");
      return new x509.X509Certificate(der);
    });
  } catch {
    return null;
  }
}

function problemOf(certificate: x509.X509Certificate, below: number, trustDomain: string, now: number): string | null {
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  if (constraints?.ca !== true) return "it is no CA (basicConstraints CA:TRUE is missing)";
  const { pathLength } = constraints;
  if (pathLength !== undefined && pathLength < below)
    return `its pathlen of ${pathLength} leaves no room for the ${below} below it`;
  const usages = certificate.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  if ((usages & x509.KeyUsageFlags.keyCertSign) === 0) return "its keyUsage has no keyCertSign";
  if (certificate.notBefore.getTime() > now + LEEWAY_MS)
    return `it is not valid before ${certificate.notBefore.toISOString()}`;
  if (certificate.notAfter.getTime() < now + MIN_LIFE_MS)
    return `it ends at ${certificate.notAfter.toISOString()}; it must live two days at least`;
  const own = `spiffe://${trustDomain}`;
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const uris = names.filter(({ type }) => type === "url").map(({ value }) => value);
  if ((below === 0 && uris.some((uri) => uri !== own)) || uris.length > 1)
    return `its URI is ${uris.join(", ")}; it must be ${own}, or none`;
  return isConstrainedTo(certificate, trustDomain)
    ? null
    : `its name constraints leave no room for spiffe://${trustDomain}`;
}

async function linkProblem(certificate: x509.X509Certificate, issuer: x509.X509Certificate): Promise<string | null> {
  if (certificate.issuer !== issuer.subject)
    return certificate === issuer
      ? "the last must be the root, which is signed by itself"
      : `its issuer is ${certificate.issuer}, but ${issuer.subject} follows`;
  const isSigned = await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true }).catch(() => false);
  return isSigned ? null : "its signature is not that of the certificate after it";
}

/** RFC 5280 §4.2.1.10: a URI's constraint is on its host; with a leading dot on all below it. */
function isConstrainedTo(certificate: x509.X509Certificate, trustDomain: string): boolean {
  const extension = certificate.getExtension(NAME_CONSTRAINTS);
  if (extension === null) return true;
  const der = new Uint8Array(extension.value);
  const outer = readElement(der, 0, der.length);
  const lists = outer === null ? null : readChildren(der, outer);
  if (lists === null) return false;
  const permitted = urisOf(
    der,
    lists.find(({ tag }) => tag === 0xa0),
  );
  const excluded = urisOf(
    der,
    lists.find(({ tag }) => tag === 0xa1),
  );
  const fits = (base: string): boolean => (base.startsWith(".") ? trustDomain.endsWith(base) : trustDomain === base);
  return (permitted.length === 0 || permitted.some(fits)) && !excluded.some(fits);
}

function urisOf(der: Uint8Array, list: Element | undefined): readonly string[] {
  const trees = list === undefined ? [] : (readChildren(der, list) ?? []);
  return trees.flatMap((tree) => {
    const base = readChildren(der, tree)?.[0];
    return base?.tag === 0x86 ? [String.fromCharCode(...contentOf(der, base)).toLowerCase()] : [];
  });
}

/** Gateways judge leaves by it: what they do not understand they refuse. */
function unreadByGateways(certificate: x509.X509Certificate): string | null {
  const parsed = parseCertificate(new Uint8Array(certificate.rawData));
  return parsed.ok
    ? null
    : `gateways cannot read the intermediate (${parsed.error.code}): sign it without other critical extensions`;
}
