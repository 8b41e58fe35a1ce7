import type { ShadowNote } from "../policy/shadow.ts";
import type { LinkedCluster, LinkedRoute } from "../snapshot/link.ts";

/** An answer of the gateway itself. The peer gets status, text and request id; code, policy and flag are for the operator. */
export interface Answer {
  readonly effect: "answer";
  /** Public: alerts switch on it. */
  readonly code: AnswerCode;
  readonly status: number;
  /** Bytes where a direct response is no text. */
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** Envoy's response flag; empty for none. */
  readonly flag: string;
  /** Beside the usual ones: `location`, `www-authenticate`, those of a route; a name may come more than once. A value that was made of a template is written down as that. */
  readonly headers: readonly (readonly [name: string, value: string, template?: string])[];
  /** `ns/name` of the policy or rule that decided. */
  readonly policy: string | null;
  readonly route: LinkedRoute | null;
  readonly cluster: LinkedCluster | null;
  /** A fault holds the request back for so long first. */
  readonly delayMs: number;
  /** What policies tell that enforce nothing; absent: nothing. */
  readonly notes?: readonly ShadowNote[];
}

interface Text {
  readonly status: number;
  readonly body?: string;
  readonly flag?: string;
  readonly headers?: Answer["headers"];
}

/** One text whatever the reason: a peer learns no rule (R31). */
const DENIED: Text = { status: 403, body: "RBAC: access denied", flag: "UAEX" };
const BAD_TOKEN: Text = { status: 401, body: "Jwt verification fails", flag: "UAEX" };
/** Who shows a key may know how it stands; who has none learns that one is asked for, and nothing of rules. */
const badKey = (body: string): Text => ({
  status: 401,
  body,
  flag: "UAEX",
  headers: [["www-authenticate", "ApiKey"]],
});
const BEFORE_HEADERS = "upstream connect error or disconnect/reset before headers. reset reason:";

/** Every answer that the gateway gives by itself. A code is public: add, never rename. */
const TEXTS = {
  // What cannot be read in one way only.
  url_invalid: { status: 400 },
  host_invalid: { status: 400 },
  body_not_allowed: { status: 400, body: "a GET or HEAD request with a body cannot be carried" },
  method_not_allowed: { status: 405 },
  method_unknown: { status: 501 },
  headers_too_large: { status: 431 },
  path_control_byte: { status: 400 },
  path_escape_malformed: { status: 400 },
  path_null: { status: 400 },
  path_overlong_utf8: { status: 400 },
  path_escaped_slash: { status: 400 },
  path_params: { status: 400 },
  path_too_long: { status: 400 },
  // A rewrite made it so.
  path_refused: { status: 400 },
  // Routes.
  no_route: { status: 404, flag: "NR" },
  https_redirect: { status: 301 },
  redirect: { status: 301 },
  direct_response: { status: 200 },
  // As Istio's `block_all`: a host that the caller does not see, where it may call no others.
  egress_blocked: { status: 502 },
  cors_preflight: { status: 200 },
  // Its status and body are the fault's.
  fault_filter_abort: { status: 200, flag: "FI" },
  // Policies.
  client_certificate_required: DENIED,
  client_certificate_refused: DENIED,
  tls_refused: DENIED,
  mtls_required: DENIED,
  rbac_denied_matched_policy: DENIED,
  rbac_denied_no_allow: DENIED,
  // Fails closed: an exception while deciding is a denial (R18).
  decision_failed: DENIED,
  jwt_invalid: BAD_TOKEN,
  // A rule asks for a token, and none that it accepts is there.
  jwt_missing: BAD_TOKEN,
  jwks_unavailable: BAD_TOKEN,
  // API keys: what an APIKeyPolicy does not take; or nobody can say whose it is.
  api_key_missing: badKey("API key is missing"),
  api_key_unknown: badKey("API key is not valid"),
  api_key_expired: badKey("API key has expired"),
  api_key_revoked: badKey("API key was revoked"),
  api_key_unavailable: {
    status: 503,
    body: "API keys cannot be checked now",
    flag: "UAEX",
    headers: [["retry-after", "1"]],
  },
  // An external authorizer refuses, with its own status and body; or it cannot be asked.
  ext_authz_denied: { status: 403, flag: "UAEX" },
  ext_authz_error: { status: 403, flag: "UAEX" },
  ext_authz_body_too_large: { status: 413, flag: "UAEX" },
  jwt_audience: { status: 403, body: "Audiences in Jwt are not allowed", flag: "UAEX" },
  // Limits, by Envoy's words: of its local filter the body, of its rate limit service the flags.
  request_rate_limited: {
    status: 429,
    body: "local_rate_limited",
    flag: "RL",
    headers: [["x-envoy-ratelimited", "true"]],
  },
  // A limit that is closed, and nobody can be asked.
  rate_limiter_error: { status: 503, flag: "RLSE" },
  // Endpoints.
  cluster_not_found: { status: 503, flag: "NC" },
  no_endpoint: { status: 503, body: "no healthy upstream", flag: "UH" },
  no_healthy_upstream: { status: 503, body: "no healthy upstream", flag: "UH" },
  // A host under a wildcard that is not on the egress list, or has a service of its own.
  host_not_allowed: { status: 502 },
  overflow: {
    status: 503,
    body: `${BEFORE_HEADERS} overflow`,
    flag: "UO",
    headers: [["x-envoy-overloaded", "true"]],
  },
  upstream_reset_before_headers: { status: 503, body: `${BEFORE_HEADERS} connection failure`, flag: "UF" },
  binding_missing: { status: 503, body: `${BEFORE_HEADERS} connection failure`, flag: "UF" },
  // The client's part is not there in time: nobody else's fault (RFC 9110 §15.5.9).
  request_timeout: { status: 408, body: "request timeout", flag: "DT" },
  request_body_broken: { status: 400, flag: "DPE" },
  response_timeout: { status: 504, body: "upstream request timeout", flag: "UT" },
  upstream_per_try_timeout: { status: 504, body: "upstream request timeout", flag: "UT" },
  stream_idle_timeout: { status: 504, body: "upstream request timeout", flag: "UT" },
  upstream_protocol_error: { status: 502, body: `${BEFORE_HEADERS} protocol error`, flag: "UPE" },
  // It passed too many gateways, and some service twice. The flag is ours: Envoy has none for it.
  request_loop: { status: 508, body: "the request goes round in a loop of services", flag: "LOOP" },
  // Workers RPC: a binding for no service that can be named, a route that rewrites, an endpoint that is no Worker.
  rpc_props_invalid: { status: 404, flag: "NR" },
  rpc_rewritten: { status: 501, body: "a Workers RPC call cannot be rewritten" },
  rpc_path: { status: 501, body: "what lies below a property cannot be reached through the mesh" },
  rpc_endpoint: { status: 501, body: "a Workers RPC call needs a Worker at its other end" },
  // The gateway itself. A cell or control that is away is back in seconds, and a cold exchange takes less.
  no_configuration: { status: 503, body: "no configuration", headers: [["retry-after", "1"]] },
  internal_error: { status: 500 },
} as const satisfies Record<string, Text>;

export type AnswerCode = keyof typeof TEXTS;

const NO_HEADERS: Answer["headers"] = [];

export function answerOf(
  code: AnswerCode,
  policy: string | null = null,
  route: LinkedRoute | null = null,
  cluster: LinkedCluster | null = null,
): Answer {
  const { status, body = "", flag = "", headers = NO_HEADERS }: Text = TEXTS[code];
  return { effect: "answer", code, status, body, flag, headers, policy, route, cluster, delayMs: 0 };
}
