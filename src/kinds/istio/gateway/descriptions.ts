import { type Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Lets requests from outside into the mesh.",
  spec: "What is open, and on which gateways.",
  "spec.selector": "Labels of the gateways that it is for, in any namespace; without any it is for all.",
  "spec.servers": "What is open; VirtualServices that name the Gateway say where requests go.",
  "spec.servers.port": "The port that is open.",
  "spec.servers.port.number": "Its number.",
  "spec.servers.port.protocol": "What is spoken there: HTTP, HTTPS, HTTP2 or GRPC-WEB.",
  "spec.servers.port.name": "Tells the servers' ports apart.",
  "spec.servers.hosts":
    "Hosts that are open: a name, `*.` and a name, or `*`; `namespace/` before it admits the VirtualServices of that one only.",
  "spec.servers.tls": "How the port is secured.",
  "spec.servers.tls.httpsRedirect": "Whether requests over plain HTTP are sent to HTTPS with a 301.",
  "spec.servers.tls.mode":
    "Which certificates are asked for: SIMPLE only the server's; MUTUAL also the client's; OPTIONAL_MUTUAL the client's if it has one; ISTIO_MUTUAL the mesh's own.",
  "spec.servers.tls.credentialName":
    "Name of the server's certificate; it belongs to the zone or the edge, and the name is not looked up.",
  "spec.servers.tls.credentialNames": "The same for up to two certificates of different kinds of keys.",
  "spec.servers.tls.caCertCredentialName":
    "With it a client's certificate may be of any authority that the zone knows for the hostname; without it, of the mesh's own. The name is not looked up.",
  "spec.servers.tls.subjectAltNames":
    "URIs, DNS names or mail addresses, of which a client's certificate must have one.",
  "spec.servers.tls.verifyCertificateHash":
    "SHA-256 of client certificates, in hex: only these, and those of `verifyCertificateSpki`, are let in.",
  "spec.servers.tls.verifyCertificateSpki": "SHA-256 of the public keys of client certificates, in base64.",
  "spec.servers.tls.minProtocolVersion": "A client that negotiated an older version with the platform is refused.",
  "spec.servers.tls.maxProtocolVersion": "A client that negotiated a newer version with the platform is refused.",
  "spec.servers.tls.cipherSuites":
    "Up to TLS 1.2 a client that negotiated another with the platform is refused; unknown names are left out.",
  "spec.servers.tls.insecureSkipVerify": "Whether any certificate of a client is taken; it proves no identity.",
  "spec.servers.name": "Tells the servers apart.",
};
