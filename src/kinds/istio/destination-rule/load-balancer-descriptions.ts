import { at, type Descriptions, LOCALITY_LB } from "../../descriptions.ts";

export const LOAD_BALANCER: Descriptions = {
  loadBalancer: "How an endpoint is picked for a request.",
  "loadBalancer.simple": "The rule that picks; LEAST_REQUEST by default.",
  "loadBalancer.consistentHash": "Requests that are alike in one thing get the same endpoint; others a random one.",
  "loadBalancer.consistentHash.httpHeaderName": "The header whose value counts.",
  "loadBalancer.consistentHash.httpCookie": "The cookie whose value counts.",
  "loadBalancer.consistentHash.httpCookie.name": "The cookie's name.",
  "loadBalancer.consistentHash.httpCookie.path": "Path of a cookie that is made here.",
  "loadBalancer.consistentHash.httpCookie.ttl":
    "How long a cookie lives that is made where a request has none; 0s for a session. Without it none is made.",
  "loadBalancer.consistentHash.httpCookie.attributes": "Further attributes of a cookie that is made here.",
  "loadBalancer.consistentHash.httpCookie.attributes.name": "An attribute, such as `SameSite`.",
  "loadBalancer.consistentHash.httpCookie.attributes.value": "What it says; empty for one that says nothing.",
  "loadBalancer.consistentHash.useSourceIp": "The client's address counts; over a binding, who calls.",
  "loadBalancer.consistentHash.httpQueryParameterName": "The query parameter whose first value counts.",
  "loadBalancer.consistentHash.ringHash": "By a hash ring, the default.",
  "loadBalancer.consistentHash.ringHash.minimumRingSize": "Places that the ring has at least; 1024 by default.",
  "loadBalancer.consistentHash.maglev":
    "By a Maglev table: even shares; an endpoint that comes or goes moves a few keys of the others.",
  "loadBalancer.consistentHash.maglev.tableSize": "Slots of the table, a prime such as 65537; 655373 at most.",
  "loadBalancer.consistentHash.minimumRingSize": "The old place of `ringHash.minimumRingSize`.",
  "loadBalancer.localityLbSetting": "What it means where callers and endpoints are; that of the mesh by default.",
  ...at(["loadBalancer.localityLbSetting"], LOCALITY_LB),
  "loadBalancer.warmup": "New endpoints begin with a part of their weight.",
  "loadBalancer.warmup.duration": "When they have all of it, after they were registered.",
  "loadBalancer.warmup.minimumPercent": "What they have at least; 10 by default.",
  "loadBalancer.warmup.aggression": "1, the default, grows in a straight line; more grows faster at first.",
  "loadBalancer.warmupDurationSecs": "The old form of `warmup.duration`.",
};
