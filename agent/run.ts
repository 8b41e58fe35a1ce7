import { MeshControl } from "../net/mesh-control.ts";
import { SvidDialer } from "../net/svid-dialer.ts";
import type { Svid } from "../net/svid.ts";
import { SvidKeeper } from "../net/svid-keeper.ts";
import type { Tell } from "./log.ts";
import type { AgentOptions } from "./options.ts";
import { openOut } from "./out.ts";
import type { AgentState } from "./state.ts";

export interface RunningAgent {
  readonly spiffeId: string;
  /** What is under way gets some seconds to end. */
  stop(): Promise<void>;
}

const GRACE_MS = 10_000;

/** @throws where it gets no certificate, or cannot listen, with what to do about it */
export async function startAgent(options: AgentOptions, state: AgentState, tell: Tell): Promise<RunningAgent> {
  const control = new MeshControl(options);
  const keeper = new SvidKeeper({
    kept: state.readSvid(),
    obtain: async (current) => obtain(current, control, options),
    tell,
  });
  keeper.onChange((svid) => state.writeSvid(svid));
  const dialer = new SvidDialer(() => keeper.svid);
  const cleanup: (() => Promise<void> | void)[] = [() => keeper.stop(), () => control.close(), () => dialer.close()];
  const stop = async (): Promise<void> => {
    for (const step of cleanup.splice(0).toReversed()) await step();
  };
  try {
    const { spiffeId } = await keeper.start();
    const { out } = options;
    for (const listener of out?.listeners ?? []) {
      if (out === null) continue;
      const open = await openOut(listener, out, dialer, tell);
      cleanup.push(async () => open.close(GRACE_MS));
      const address = `${listener.address}:${open.port}`;
      tell({ event: "agent_listening", direction: "out", address, to: listener.service });
    }
    return { spiffeId, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function obtain(current: Svid | null, control: MeshControl, options: AgentOptions): Promise<Svid> {
  const token = await options.joinToken();
  if (token === null)
    throw new Error(
      current === null
        ? "there is no certificate, and no join token to get one with: give --join-token-file or TULLE_JOIN_TOKEN"
        : "there is no join token to renew with",
    );
  return control.enrol(token, options.ttlSeconds);
}
