import type { Call } from "./call.ts";

/** An answer of the gateway itself. The peer gets status, text and request id; code, policy and flag are for the log. */
export interface LocalAnswer {
  /** Public: alerts switch on it. */
  readonly code: string;
  readonly status: number;
  readonly body?: string;
  /** Envoy's response flag. */
  readonly flag?: string;
  readonly policy?: string | null;
  readonly headers?: readonly (readonly [string, string])[];
}

export const NO_ROUTE: LocalAnswer = { code: "no_route", status: 404, flag: "NR" };

/** A cell or control that is away is back in seconds, and a cold exchange takes less. */
export const NO_CONFIGURATION: LocalAnswer = {
  code: "no_configuration",
  status: 503,
  body: "no configuration",
  headers: [["retry-after", "1"]],
};

export const NO_HEALTHY_ENDPOINT: LocalAnswer = {
  code: "no_healthy_upstream",
  status: 503,
  body: "no healthy upstream",
  flag: "UH",
};

export const OVERFLOW: LocalAnswer = {
  code: "overflow",
  status: 503,
  body: "upstream connect error or disconnect/reset before headers. reset reason: overflow",
  flag: "UO",
  headers: [["x-envoy-overloaded", "true"]],
};

export const CONNECTION_FAILURE: LocalAnswer = {
  code: "upstream_reset_before_headers",
  status: 503,
  body: "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
  flag: "UF",
};

export const BINDING_MISSING: LocalAnswer = { ...CONNECTION_FAILURE, code: "binding_missing" };

export const TIMEOUT: LocalAnswer = {
  code: "response_timeout",
  status: 504,
  body: "upstream request timeout",
  flag: "UT",
};

export const PROTOCOL_ERROR: LocalAnswer = {
  code: "upstream_protocol_error",
  status: 502,
  body: "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
  flag: "UPE",
};

/** Fails closed: an exception while deciding is a deny (R18). */
export const DECISION_FAILED = {
  code: "decision_failed",
  status: 403,
  body: "RBAC: access denied",
  flag: "UAEX",
} as const satisfies LocalAnswer;

export const BUG: LocalAnswer = { code: "internal_error", status: 500 };

/** Ends the call with an answer of our own, which never counts for or against a service's health by itself. */
export function refuse(call: Call, answer: LocalAnswer): Response {
  const { journal } = call;
  journal.status = answer.status;
  journal.flag = answer.flag === undefined || answer.flag === "" ? "-" : answer.flag;
  journal.details = answer.code;
  journal.policy = answer.policy ?? journal.policy;
  const headers = new Headers({ "x-request-id": call.requestId });
  for (const [name, value] of answer.headers ?? []) headers.set(name, value);
  const body = answer.body === undefined || answer.body === "" ? null : answer.body;
  if (body !== null) headers.set("content-type", "text/plain");
  journal.bytes = body?.length ?? 0;
  call.lease.end("ok");
  return new Response(body, { status: answer.status, headers });
}
