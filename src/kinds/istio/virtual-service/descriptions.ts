import { at, type Descriptions } from "../../descriptions.ts";

const STRING_MATCH: Descriptions = {
  exact: "The whole value, letter by letter.",
  prefix: "What the value begins with.",
  regex: "A regular expression of RE2 for the whole value.",
};

const DESTINATION: Descriptions = {
  host: "The service's name; a short one is one of the namespace.",
  subset: "Endpoints of the service by a name that a DestinationRule gives them.",
  port: "Port of the service; needed where it has several.",
};

const HEADER_OPERATIONS: Descriptions = {
  remove: "Names; this is done first.",
  set: "Names and values; replaces what is there. Values may name variables, such as `%REQ(x-user)%`; `%%` is a percent sign.",
  add: "Names and values; what is there stays.",
};

export const RETRIES: Descriptions = {
  attempts: "How often at most; 0 for never.",
  perTryTimeout: "How long each attempt may take until its answer begins.",
  retryOn:
    "After what, separated by commas: conditions of Envoy, such as `5xx` and `connect-failure`, and status codes.",
  retryRemoteLocalities: "Whether every second attempt leaves the locality of those before it.",
  retryIgnorePreviousHosts:
    "Whether endpoints that were tried are avoided; true by default, false where a hash picks the endpoint.",
  backoff: "Base of the wait before an attempt, 25 ms by default; it grows with each and is a random part.",
};

export const DESCRIPTIONS: Descriptions = {
  "": "Says where requests for some hosts go, and what is changed on the way.",
  spec: "The hosts and the rules for their requests.",
  "spec.hosts":
    "The hosts that requests are for: a name, or `*.` and a name; a short name is one of the namespace. Without any it is a delegate.",
  "spec.gateways":
    "Where the rules hold: names of Gateways, and `mesh` for calls between services; only `mesh` by default.",
  "spec.exportTo": "Namespaces whose calls the rules are for: `.` its own, `*` all (the default), or names.",
  "spec.http": "The rules, in order; the first one that matches a request is used.",
  "spec.http.name": "Names the rule in logs.",
  "spec.http.match":
    "What a request must be like: one of the blocks must hold, and of a block all fields; without any, all requests match.",
  "spec.http.match.name": "Names the block in logs.",
  "spec.http.match.uri": "The path, without query; a `prefix` is compared letter by letter, not by segments.",
  "spec.http.match.ignoreUriCase": "Whether `exact` and `prefix` of `uri` disregard upper and lower case.",
  "spec.http.match.scheme": "`http` or `https`, as the client called.",
  "spec.http.match.method": "The method, in capitals.",
  "spec.http.match.authority": "The Host header as the client sent it, with the port if it sent one.",
  "spec.http.match.headers":
    "Headers by name; `{}` as the value is for: there, whatever its value. At Gateways `@request.auth.claims.name`, or `[name]`, is a claim of the request's token.",
  "spec.http.match.withoutHeaders": "Headers, by name, that must not be like this.",
  "spec.http.match.queryParams": "Query parameters by name; the first value of each counts.",
  "spec.http.match.port": "The port that was called.",
  "spec.http.match.sourceLabels":
    "Labels that the calling workload must all have; not compared where `gateways` stands beside it.",
  "spec.http.match.sourceNamespace": "The namespace of the caller.",
  "spec.http.match.statPrefix": "Stands in the log with the requests of this block.",
  "spec.http.match.gateways": "Replaces the `gateways` above for this block.",
  ...at(
    ["uri", "scheme", "method", "authority", "headers", "withoutHeaders", "queryParams"].map(
      (field) => `spec.http.match.${field}`,
    ),
    STRING_MATCH,
  ),
  "spec.http.route": "Where requests go; one is picked by its weight for each request.",
  "spec.http.route.destination": "A service, and which of its endpoints.",
  ...at(["spec.http.route.destination"], DESTINATION),
  "spec.http.route.weight": "Its share of the requests; of several an absent one counts as 0.",
  "spec.http.route.headers": "Changes of headers for this destination.",
  "spec.http.redirect": "Answers with another address in place of sending the request on.",
  "spec.http.redirect.uri": "Replaces the whole path; the query stays unless this has one.",
  "spec.http.redirect.prefixRewrite": "Replaces the prefix that matched.",
  "spec.http.redirect.authority": "Replaces the host; by default the request's Host.",
  "spec.http.redirect.port": "Port of the address; left out where it is the scheme's own.",
  "spec.http.redirect.derivePort": "Whether the port is the one that was called, or the scheme's own.",
  "spec.http.redirect.scheme": "`http` or `https`; by default the request's.",
  "spec.http.redirect.redirectCode": "301 (the default), 302, 303, 307 or 308.",
  "spec.http.directResponse": "Answers in place of sending the request on.",
  "spec.http.directResponse.status": "Status of the answer, 200 to 599.",
  "spec.http.directResponse.body": "Body of the answer, text/plain unless `headers` say another type; none by default.",
  "spec.http.directResponse.body.string": "The body as text.",
  "spec.http.directResponse.body.bytes": "The body in base64.",
  "spec.http.delegate": "Takes the rules of another VirtualService, one without hosts, in place of the rule.",
  "spec.http.delegate.name": "The other VirtualService's name.",
  "spec.http.delegate.namespace": "Its namespace; by default this one.",
  "spec.http.rewrite": "What is replaced before the request is sent.",
  "spec.http.rewrite.uri": "Replaces the prefix that matched, else the whole path.",
  "spec.http.rewrite.uriRegexRewrite": "Replaces every part of the path that a regular expression matches.",
  "spec.http.rewrite.uriRegexRewrite.match": "A regular expression of RE2.",
  "spec.http.rewrite.uriRegexRewrite.rewrite":
    "What stands in its place; `\\1` to `\\9` are the groups, `\\0` all that matched.",
  "spec.http.rewrite.authority": "Replaces the Host header.",
  "spec.http.timeout": "How long the whole call may take; `0s`, for no limit, by default.",
  "spec.http.fault": "Trouble that is made on purpose, to see who bears it; requests that a policy refuses meet none.",
  "spec.http.fault.delay": "Holds requests back, before `timeout` begins.",
  "spec.http.fault.delay.percentage": "The share that is held back; none where it is absent.",
  "spec.http.fault.delay.percentage.value": "0 to 100, in steps of 0.0001.",
  "spec.http.fault.delay.percent": "The older form, in whole percent.",
  "spec.http.fault.delay.fixedDelay": "For how long.",
  "spec.http.fault.abort": "Answers requests in the service's place.",
  "spec.http.fault.abort.percentage": "The share that is answered so; none where it is absent.",
  "spec.http.fault.abort.percentage.value": "0 to 100, in steps of 0.0001.",
  "spec.http.fault.abort.httpStatus": "The status of the answer, 200 to 599.",
  "spec.http.fault.abort.grpcStatus":
    "The status of gRPC, such as `UNAVAILABLE`; other requests are answered with the one of HTTP that stands for it.",
  "spec.http.mirror": "A service that gets copies of the requests; its answers are thrown away.",
  "spec.http.mirrorPercentage": "The share of requests that `mirror` gets; all by default.",
  "spec.http.mirrorPercentage.value": "0 to 100, in steps of 0.0001.",
  "spec.http.mirrorPercent": "The older form, in whole percent.",
  "spec.http.mirror_percent": "The oldest form, in whole percent.",
  "spec.http.mirrors": "Several services that get copies, each by a draw of its own.",
  "spec.http.mirrors.destination": "The service.",
  "spec.http.mirrors.percentage": "The share of requests that it gets; all by default.",
  "spec.http.mirrors.percentage.value": "0 to 100, in steps of 0.0001.",
  ...at(["spec.http.mirror", "spec.http.mirrors.destination"], DESTINATION),
  "spec.http.corsPolicy": "Which other sites' pages may call, by what browsers ask and are told.",
  "spec.http.corsPolicy.allowOrigins": "Sites that may; any of the matches must hold.",
  "spec.http.corsPolicy.allowOrigin": "The older form: exact values, or `*`.",
  "spec.http.corsPolicy.allowMethods": "What a preflight is told of methods; `*` for the one that it asks for.",
  "spec.http.corsPolicy.allowHeaders": "What a preflight is told of request headers; `*` for those that it asks for.",
  "spec.http.corsPolicy.exposeHeaders": "Headers of an answer that pages may read.",
  "spec.http.corsPolicy.maxAge": "How long a browser may remember a preflight's answer; whole seconds.",
  "spec.http.corsPolicy.allowCredentials": "Whether pages may read answers to requests with cookies.",
  "spec.http.corsPolicy.unmatchedPreflights":
    "Preflights of other sites: `FORWARD` (the default) passes them on to the service, `IGNORE` answers them without leave.",
  ...at(["spec.http.corsPolicy.allowOrigins"], STRING_MATCH),
  "spec.http.retries": "When a call that failed is tried again; by default after failures to connect, twice.",
  ...at(["spec.http.retries"], RETRIES),
  "spec.http.headers": "Changes of headers for all destinations.",
  "spec.http.headers.request": "What is removed, set and added on the request.",
  "spec.http.headers.response": "What is removed, set and added on the answer.",
  ...at(
    [
      "spec.http.headers.request",
      "spec.http.headers.response",
      "spec.http.route.headers.request",
      "spec.http.route.headers.response",
    ],
    HEADER_OPERATIONS,
  ),
};
