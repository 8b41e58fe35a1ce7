import { X509Certificate } from "node:crypto";
import { text } from "node:stream/consumers";
import { compactVerify, createLocalJWKSet, createRemoteJWKSet, importX509, type JSONWebKeySet, jwtVerify } from "jose";

/**
 * A program of its own, which knows of the mesh nothing but the URL of its control: verifies with jose, by what is published
 * there, what its standard input holds, and writes whom it is of. It ends with 1 and the reason where something does not verify.
 */
interface Shown {
  readonly control: string;
  readonly trustDomain: string;
  /** A workload's certificate with what comes with it, in PEM. */
  readonly svid: string;
  /** Anything that the workload signed with the certificate's key. */
  readonly signed: string;
  readonly jwtSvid: string;
  readonly audience: string;
  readonly assertion: string;
  /** Of whom the assertion was made. */
  readonly service: string;
}

async function main(): Promise<void> {
  const shown = JSON.parse(await text(process.stdin)) as Shown;
  const bundle = (await (await fetch(`${shown.control}/api/v1/spiffe-bundle`)).json()) as JSONWebKeySet;
  const subject = spiffeIdOf(shown.svid, bundle);
  // jose takes one certificate: of a chain it reads the first only where that needs no padding.
  const leaf = new X509Certificate(shown.svid).toString();
  await compactVerify(shown.signed, await importX509(leaf, "ES256"));
  const signs = bundle.keys.filter(({ use }) => use === "jwt-svid").map((key) => ({ ...key, use: "sig" }));
  const jwtSvid = await jwtVerify(shown.jwtSvid, createLocalJWKSet({ keys: signs }), {
    algorithms: ["ES256"],
    audience: shown.audience,
    requiredClaims: ["exp", "sub"],
  });
  const assertionKeys = createRemoteJWKSet(new URL(`${shown.control}/api/v1/assertion-keys`));
  const assertion = await jwtVerify(shown.assertion, assertionKeys, {
    algorithms: ["EdDSA"],
    typ: "assertion+jwt",
    audience: shown.service,
    maxTokenAge: "60s",
    requiredClaims: ["iss", "exp", "htm", "host"],
  });
  const issuedBy = assertion.payload.iss?.startsWith(`spiffe://${shown.trustDomain}/gateway/`) === true;
  if (!issuedBy) throw new Error(`the assertion is of ${assertion.payload.iss}`);
  console.log(JSON.stringify([subject, jwtSvid.payload.sub, assertion.payload.sub]));
}

/** A chain from the leaf to an authority of the bundle. @throws where there is none */
function spiffeIdOf(pem: string, bundle: JSONWebKeySet): string {
  const chain = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const roots = bundle.keys
    .filter(({ use }) => use === "x509-svid")
    .map(({ x5c: [der = ""] = [] }) => new X509Certificate(Buffer.from(der, "base64")));
  const [leaf, ...between] = chain.map((one) => new X509Certificate(one));
  if (leaf === undefined) throw new Error("no certificate");
  let current = leaf;
  for (const issuer of between) {
    if (!current.checkIssued(issuer) || !current.verify(issuer.publicKey)) throw new Error("the chain is broken");
    current = issuer;
  }
  const last = current;
  if (!roots.some((root) => last.checkIssued(root) && last.verify(root.publicKey)))
    throw new Error("no authority of the bundle signed it");
  return leaf.subjectAltName?.replace(/^URI:/, "") ?? "";
}

await main();
