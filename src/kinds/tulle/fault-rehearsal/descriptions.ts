import type { Descriptions } from "../../descriptions.ts";

export const DESCRIPTIONS: Descriptions = {
  "": "Makes trouble for callers of a service for a while, to see who bears it; it ends by itself, and nothing is left of it.",
  spec: "Which requests meet it, what becomes of them, and until when.",
  "spec.targetRef": "The service, of the rehearsal's own namespace, by whichever of its host names it is called.",
  "spec.targetRef.group": "Empty for a Service, `networking.istio.io` for a ServiceEntry.",
  "spec.targetRef.kind": "Service or ServiceEntry.",
  "spec.targetRef.name": "Its name.",
  "spec.targetRef.namespace": "Leave it out: the service is of the rehearsal's own namespace.",
  "spec.route": "Only requests that a VirtualService's rule of this name leads to the service; all without it.",
  "spec.headers":
    "Only requests that have all of these headers, by name, as their route saw them; `{}` is for any value.",
  "spec.headers.exact": "The whole value.",
  "spec.headers.prefix": "The beginning of the value.",
  "spec.headers.regex": "A regular expression of RE2, on the whole value.",
  "spec.percentage": "The share of these requests that meets it; all without it.",
  "spec.percentage.value": "Above 0 up to 100, in steps of 0.0001.",
  "spec.delay": "Holds requests back as a slow service would: they count as running. One of `delay` and `abort`.",
  "spec.delay.fixedDelay": "For how long, up to 30s.",
  "spec.abort": "Answers requests in the service's place. One of `delay` and `abort`.",
  "spec.abort.httpStatus": "Status of the answer, 200 to 599.",
  "spec.abort.grpcStatus":
    "Status of gRPC, by name or number; clients of plain HTTP get the status that stands for it.",
  "spec.endsAt": "When it ends, a time in UTC, at most 24 hours away; the object is removed then.",
};
