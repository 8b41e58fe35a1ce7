import { z } from "zod";
import { choice, emptyList, emptyText, never, REASON, strict, text } from "./fields.ts";
import type { Report } from "./report.ts";

/** Of a client certificate: a name of the gateway's binding is made of it. */
export const credentialName = text(
  (name) => /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name) && name.length <= 60,
  "at most 60 letters, digits, `-`, `_` and `.`: the binding's name is made of it",
);

export const ClientTls = strict({
  mode: choice(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]).exactOptional(),
  credentialName: credentialName.exactOptional(),
  sni: z.string().exactOptional(),
  insecureSkipVerify: z
    .literal(false, { error: never("the platform always verifies the destination's certificate") })
    .exactOptional(),
  clientCertificate: emptyText(never(REASON.files)),
  privateKey: emptyText(never(REASON.files)),
  caCertificates: emptyText(never(REASON.files)),
  caCrl: emptyText(never(REASON.files)),
  subjectAltNames: emptyList(
    never("the destination's certificate is not shown to a Worker; the platform checks it against the host"),
  ),
});

/** An absent `mode` is the first of Istio's list, DISABLE. */
export type ClientTlsSpec = z.infer<typeof ClientTls>;

/** The gateway's binding of a client certificate: `shop.client-cert` is `CERT_SHOP_CLIENT_CERT`. */
export function certificateBinding(credentialName: string): string {
  return `CERT_${credentialName.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}

/** @param host of the rule, as written */
export function checkClientTls(spec: ClientTlsSpec, host: string, report: Report): void {
  const { mode = "DISABLE", credentialName, sni = "" } = spec;
  if (spec.mode === undefined)
    report.at("mode").warn("none: read as DISABLE, as in Istio: calls are made by plain HTTP; name what is meant");
  if (mode === "ISTIO_MUTUAL") {
    for (const [field, value] of Object.entries({ credentialName, sni }))
      if (value !== undefined && value !== "")
        report.at(field).error("cannot go with ISTIO_MUTUAL, which uses the mesh's own identities");
    return;
  }
  if (mode === "MUTUAL" && credentialName === undefined)
    report
      .at("credentialName")
      .error("MUTUAL needs a client certificate: name the gateway's binding of one", "FieldValueRequired");
  if (mode === "SIMPLE" && credentialName !== undefined)
    report.at("credentialName").error(never("which authorities are trusted is the platform's affair; leave it out"));
  if (mode === "DISABLE" && credentialName !== undefined)
    report.at("credentialName").error("no certificate is shown without TLS; use MUTUAL");
  if (sni !== "" && sni.toLowerCase() !== host.toLowerCase())
    report
      .at("sni")
      .error(never(`${REASON.connection}; the server name is the host of the address`), "FieldValueNotSupported");
}
