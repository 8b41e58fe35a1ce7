import { z } from "zod";
import { choice, emptyList, emptyText, never, REASON, strict, text } from "./fields.ts";
import type { Report } from "./report.ts";

const version = choice(["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]);

const hash = text(
  (value) => /^([0-9a-f]{64}|([0-9a-f]{2}:){31}[0-9a-f]{2})$/i.test(value),
  "the SHA-256 of a certificate in hex: 64 digits, or pairs with `:` between them",
);
const spki = text(
  (value) => /^[A-Za-z0-9+/]{43}=$/.test(value),
  "the SHA-256 of a public key in base64: 44 characters",
);

export const ServerTls = strict({
  httpsRedirect: z.boolean().exactOptional(),
  mode: choice(["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_MUTUAL"], {
    PASSTHROUGH: never(REASON.framing),
    AUTO_PASSTHROUGH: never(REASON.framing),
  }).exactOptional(),
  credentialName: z.string().exactOptional(),
  credentialNames: z.array(z.string().min(1)).max(2).exactOptional(),
  caCertCredentialName: z.string().exactOptional(),
  serverCertificate: emptyText(never(REASON.files)),
  privateKey: emptyText(never(REASON.files)),
  caCertificates: emptyText(never(REASON.files)),
  caCrl: emptyText(never(REASON.files)),
  tlsCertificates: emptyList(never(REASON.files)),
  subjectAltNames: z.array(z.string().min(1)).max(100).exactOptional(),
  verifyCertificateSpki: z.array(spki).max(100).exactOptional(),
  verifyCertificateHash: z.array(hash).max(100).exactOptional(),
  minProtocolVersion: version.exactOptional(),
  maxProtocolVersion: version.exactOptional(),
  cipherSuites: z.array(z.string()).max(100).exactOptional(),
  insecureSkipVerify: z.boolean().exactOptional(),
});

/** `mode` is always set where the protocol is HTTPS; on other ports only `httpsRedirect` is. */
export type ServerTlsSpec = z.infer<typeof ServerTls>;

/** Those of TLS 1.2 and older that Envoy knows, by OpenSSL's names; those of TLS 1.3 are not chosen. */
const SUITES: ReadonlySet<string> = new Set([
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-SHA",
  "AES256-SHA",
  "DES-CBC3-SHA",
]);

/** How OpenSSL takes suites out of the list that it has anyway, and moves them. */
const OPERATION = /^[-+!@]/;

/** Those of a list that mean something: others are dropped, with a warning. */
export function knownSuites(suites: readonly string[] | undefined): readonly string[] {
  return (suites ?? []).filter((suite) => SUITES.has(suite));
}

/** What may stand on a port without TLS: of files nothing is taken anyway. */
const WITHOUT_TLS: ReadonlySet<string> = new Set([
  "httpsRedirect",
  "serverCertificate",
  "privateKey",
  "caCertificates",
  "caCrl",
  "tlsCertificates",
]);

export function checkServerTls(protocol: string, tls: ServerTlsSpec | undefined, report: Report): void {
  if (protocol !== "HTTPS") {
    const others = Object.entries(tls ?? {}).filter(([name, value]) => !WITHOUT_TLS.has(name) && isSet(value));
    if (others.length > 0)
      report.error(`a port that speaks ${protocol} has no TLS; only \`httpsRedirect\` can stand here`);
    return;
  }
  if (tls === undefined) return report.error("a port that speaks HTTPS needs it", "FieldValueRequired");
  if (tls.httpsRedirect === true)
    report.at("httpsRedirect").warn("has no effect on a port that speaks HTTPS", "TULLE0003");
  if (tls.mode === undefined)
    return report
      .at("mode")
      .error(`is needed: Istio's default, PASSTHROUGH, ${never(REASON.framing)}`, "FieldValueRequired");
  checkCredentials(tls, tls.mode, report);
  checkClient(tls, tls.mode, report);
  checkNegotiation(tls, report);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== "" && value !== false && !(Array.isArray(value) && value.length === 0);
}

function checkCredentials(tls: ServerTlsSpec, mode: string, report: Report): void {
  const many = isSet(tls.credentialNames);
  const field = many ? "credentialNames" : isSet(tls.credentialName) ? "credentialName" : null;
  if (many && isSet(tls.credentialName))
    report.at("credentialNames").error("stands for `credentialName` with more than one; leave one of the two out");
  if (mode === "ISTIO_MUTUAL") {
    if (field !== null) report.at(field).error("ISTIO_MUTUAL uses the mesh's own certificates; leave it out");
  } else if (field === null) report.at("credentialName").error(`${mode} needs it`, "FieldValueRequired");
  else report.at(field).warn("the zone or the edge owns the certificate; the name is not looked up", "TULLE0107");
}

/** What is asked of a client's certificate, where one is asked for at all. */
function checkClient(tls: ServerTlsSpec, mode: string, report: Report): void {
  const asks = ["subjectAltNames", "verifyCertificateSpki", "verifyCertificateHash"] as const;
  if (mode === "SIMPLE") {
    for (const field of [...asks, "caCertCredentialName", "insecureSkipVerify"] as const)
      if (isSet(tls[field]))
        report.at(field).error("SIMPLE asks for no client certificate: say MUTUAL or OPTIONAL_MUTUAL, or leave it out");
    return;
  }
  if (mode === "ISTIO_MUTUAL") {
    for (const field of ["caCertCredentialName", "insecureSkipVerify"] as const)
      if (isSet(tls[field])) report.at(field).error("ISTIO_MUTUAL trusts the mesh's authority alone; leave it out");
    return;
  }
  if (isSet(tls.caCertCredentialName))
    report
      .at("caCertCredentialName")
      .warn("the client CA of the hostname belongs to the zone; the name is not looked up", "TULLE0107");
}

function checkNegotiation(tls: ServerTlsSpec, report: Report): void {
  const { minProtocolVersion: min = "TLS_AUTO", maxProtocolVersion: max = "TLS_AUTO", cipherSuites = [] } = tls;
  if (min !== "TLS_AUTO" && max !== "TLS_AUTO" && min > max)
    report.at("minProtocolVersion").error("is newer than `maxProtocolVersion`: no client could connect");
  if ((min === "TLSV1_0" || min === "TLSV1_1") && cipherSuites.length === 0)
    report.at("minProtocolVersion").warn("versions below TLSV1_2 need `cipherSuites` of theirs");
  for (const [index, suite] of cipherSuites.entries()) {
    const place = report.at("cipherSuites", index);
    if (OPERATION.test(suite))
      place.warn("has no effect: a list here names the suites that are let in, and changes no other list", "TULLE0003");
    else if (!SUITES.has(suite))
      place.warn(`\`${suite.slice(0, 64)}\` is no cipher suite that is known: it is left out`);
    else if (cipherSuites.indexOf(suite) < index) place.warn("has no effect: it is there twice", "TULLE0003");
  }
}
