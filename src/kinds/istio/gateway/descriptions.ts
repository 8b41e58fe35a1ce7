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
  "spec.servers.name": "Tells the servers apart.",
};
