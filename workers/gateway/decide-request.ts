import { answerOf } from "../../src/decide/answers.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { dropAliases } from "../../src/request/headers.ts";
import { type CanonicalPath, canonicalPath } from "../../src/routing/canonical-path.ts";
import { decideOn } from "./decide-on.ts";
import type { HttpCall } from "./http-call.ts";
import { keepUpTo } from "./kept-body.ts";
import type { Tokens } from "./missing-facts.ts";

/** Step 4: decides, and gets what is missing, until nothing is. */
export function decideRequest(call: HttpCall): Response | null | Promise<Response | null> {
  const { slice, received } = call;
  dropAliases(received.headers, received.odd, slice.headers);
  const path = canonicalPath(received.target.pathname, slice.model.path);
  if (!path.ok) return call.answer(answerOf(path.error.code));
  call.journal.path = path.value.forward;
  const tokens: Tokens = [];
  const facts = factsOf(call, path.value, tokens);
  return decideOn(call, facts, tokens, keepUpTo);
}

function factsOf(call: HttpCall, path: CanonicalPath, tokens: Tokens): RequestFacts {
  const { method, scheme, host, authority, headers, target, sourceIp, clientIp } = call.received;
  return {
    protocol: "http",
    method,
    scheme,
    host,
    authority,
    port: call.port,
    path: path.match,
    forwardPath: path.forward,
    query: target.query,
    headers,
    entrance: call.entrance.kind,
    sourceIp,
    clientIp,
    peer: call.peer,
    tls: call.tls,
    startedAt: call.journal.startedAt,
    seed: (Math.random() * 4_294_967_296) | 0,
    tokens,
    conclusions: null,
  };
}
