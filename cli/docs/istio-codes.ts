/** What Istio's own analysis says of traffic and policies, by code. `never`: why it cannot be the case in this mesh. */
export const ISTIO_CODES: Readonly<Record<string, { readonly says: string; readonly never?: string }>> = {
  IST0101: { says: "something that an object names is not there" },
  IST0106: { says: "an object does not fit its schema" },
  IST0107: { says: "an annotation stands on a kind that it is not for" },
  IST0108: { says: "an annotation that Istio does not know" },
  IST0109: { says: "several VirtualServices of the mesh have one host" },
  IST0110: { says: "two Sidecars select one workload" },
  IST0111: { says: "two Sidecars of a namespace have no selector" },
  IST0112: { says: "a destination with several ports, and the route names none" },
  IST0118: {
    says: "a port's name does not say its protocol",
    never: "nothing is detected by a port's name: all that comes through is HTTP",
  },
  IST0125: { says: "an annotation with a value that it cannot have" },
  IST0127: { says: "a selector that selects no workload" },
  IST0128: {
    says: "a DestinationRule begins TLS without an authority to check the other side by",
    never: "the platform checks every certificate, and against the host that is called",
  },
  IST0129: {
    says: "the same, for one port",
    never: "the platform checks every certificate, and against the host that is called",
  },
  IST0130: { says: "a rule that is never used, since one before it takes its requests" },
  IST0131: { says: "a match that one of an earlier rule holds already" },
  IST0132: { says: "a VirtualService's host that its Gateway does not expose" },
  IST0133: { says: "an object fits its schema, with a warning" },
  IST0134: {
    says: "a ServiceEntry for TCP without addresses",
    never: "TCP ports are refused: services are found by their names, not by addresses",
  },
  IST0138: {
    says: "two Gateways share a certificate, so that a client's connection to one is used for the other's hosts",
    never: "which host a request is for is looked up for each request, not once for its connection",
  },
  IST0140: { says: "subsets that a VirtualService of the mesh names mean nothing to requests of a Gateway" },
  IST0145: { says: "two Gateways expose one host on one port for one workload" },
  IST0149: { says: "routes by claims of tokens that nobody verifies" },
  IST0157: {
    says: "a Telemetry without providers",
    never: "what names nobody goes to the log and to `/metrics`",
  },
  IST0159: { says: "two Telemetries select one workload" },
  IST0160: { says: "two Telemetries of a namespace have no selector" },
  IST0161: { says: "a Gateway's certificate is not there, or is none" },
  IST0162: {
    says: "a Gateway's port that the Service in front of the gateway does not have",
    never:
      "no Service stands in front of a gateway; a port that the local mesh cannot open is told by the condition `Programmed`",
  },
  IST0165: {
    says: "a VirtualService names a Gateway that was made for one of the Gateway API",
    never: "the Gateway API is not served, so none are made",
  },
  IST0166: {
    says: "a selector on a policy for a Gateway of the Gateway API",
    never: "the Gateway API is not served",
  },
  IST0167: { says: "a policy without any effect" },
  IST0170: {
    says: "a service that is not the same in all clusters",
    never: "a mesh has one configuration and no clusters",
  },
  IST0171: { says: "an object has a condition that does not hold" },
  IST0173: { says: "a subset that selects no endpoint" },
  IST0174: { says: "a DestinationRule's host is no service" },
  IST0175: { says: "key sets may be fetched from anywhere" },
  IST0177: { says: "ServiceEntries give one port of a host different protocols" },
};
