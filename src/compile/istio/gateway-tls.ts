import { knownSuites, type ServerTlsSpec } from "../../resources/gateway-tls.ts";
import type { Front, FrontTls } from "../../snapshot/model.ts";

/** What a Gateway's server asks of the client's TLS. */
export function clientTlsOf(tls: ServerTlsSpec | undefined): Pick<Front, "clientCertificate" | "tls"> {
  const asked = askedOf(tls ?? {});
  return { clientCertificate: certificateOf(tls?.mode), ...(Object.keys(asked).length > 0 && { tls: asked }) };
}

function certificateOf(mode: ServerTlsSpec["mode"]): Front["clientCertificate"] {
  if (mode === "MUTUAL" || mode === "ISTIO_MUTUAL") return "required";
  return mode === "OPTIONAL_MUTUAL" ? "optional" : "none";
}

function askedOf(tls: ServerTlsSpec): FrontTls {
  const minVersion = versionOf(tls.minProtocolVersion);
  const maxVersion = versionOf(tls.maxProtocolVersion);
  const ciphers = knownSuites(tls.cipherSuites);
  const { subjectAltNames: names = [], verifyCertificateHash = [], verifyCertificateSpki: keys = [] } = tls;
  const hashes = verifyCertificateHash.map((hash) => hash.replaceAll(":", "").toLowerCase());
  const signedBy =
    tls.insecureSkipVerify === true ? "anybody" : (tls.caCertCredentialName ?? "") === "" ? null : "platform";
  return {
    ...(minVersion !== null && { minVersion }),
    ...(maxVersion !== null && { maxVersion }),
    ...(ciphers.length > 0 && { ciphers }),
    ...(signedBy !== null && { signedBy }),
    ...(names.length > 0 && { names }),
    ...(hashes.length > 0 && { hashes }),
    ...(keys.length > 0 && { keys }),
  };
}

const VERSIONS = { TLSV1_0: "TLSv1", TLSV1_1: "TLSv1.1", TLSV1_2: "TLSv1.2", TLSV1_3: "TLSv1.3" } as const;

function versionOf(version: ServerTlsSpec["minProtocolVersion"]): string | null {
  return version === undefined || version === "TLS_AUTO" ? null : VERSIONS[version];
}
