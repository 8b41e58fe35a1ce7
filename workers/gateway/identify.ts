import { answerOf } from "../../src/decide/answers.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import type { Trust } from "../../src/snapshot/model.ts";
import type { Call } from "./call.ts";
import type { Judgement } from "./peer.ts";

/** Step 2: who calls, before the slice is looked for: what a caller sees depends on who it is. */
export function identify<Reply>(call: Call<Reply>): Reply | null | Promise<Reply | null> {
  const { trust } = call.mesh.configuration;
  return trust === null ? whenTrusted(call) : judge(call, trust);
}

/** A cold isolate: whom to trust comes with the first root. */
async function whenTrusted<Reply>(call: Call<Reply>): Promise<Reply | null> {
  const likely = call.places(NO_PEER, null);
  const trust = await call.mesh.configuration.awaitTrust(likely, call.lease);
  return trust === null ? call.answer(answerOf("no_configuration")) : judge(call, trust);
}

function judge(call: Call, trust: Trust): null | Promise<null> {
  const { entrance } = call;
  const { peers } = call.mesh;
  const now = Date.now();
  const judged =
    entrance.kind === "mesh"
      ? peers.binding(entrance.props, trust, now)
      : peers.certificate(entrance.clientAuth, trust, now);
  if (judged instanceof Promise) return judged.then((judgement) => take(call, judgement));
  return take(call, judged);
}

function take(call: Call, { peer, refused, certificate }: Judgement): null {
  call.peer = peer;
  call.certificate = certificate;
  call.journal.peer = peer;
  call.journal.peerRefused = refused;
  return null;
}
