import { answerOf } from "../../src/decide/answers.ts";
import { readDialled } from "../../src/request/dialled.ts";
import type { HttpCall } from "./http-call.ts";

/** After step 2: what an agent says of its program's call stands for Host, where its SVID says that it is one (R9). */
export function hearAgent(call: HttpCall): Response | null {
  const { received, peer, journal } = call;
  if (received.agent === null || peer.by !== "certificate" || peer.principal === null) return null;
  const read = readDialled(received, received.agent);
  if (!read.ok) return call.answer(answerOf(read.error.code));
  const { authority, scheme, headers } = read.value;
  call.received = read.value;
  journal.authority = authority;
  journal.scheme = scheme;
  headers["x-forwarded-proto"] = scheme;
  return null;
}
