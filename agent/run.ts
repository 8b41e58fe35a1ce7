import { MeshControl, Refused } from "../net/mesh-control.ts";
import { renew } from "../net/renewal.ts";
import { Revocations } from "../net/revocations.ts";
import { SvidDialer } from "../net/svid-dialer.ts";
import type { Svid } from "../net/svid.ts";
import { SvidKeeper } from "../net/svid-keeper.ts";
import { parseSpiffeId, workloadOf } from "../src/identity/spiffe-id.ts";
import { AssertionKeys } from "./assertion-keys.ts";
import { Callers } from "./callers.ts";
import { writeFiles } from "./files.ts";
import { openIn } from "./in.ts";
import type { Tell } from "./log.ts";
import type { AgentOptions, In, Out } from "./options.ts";
import { openOut } from "./out.ts";
import { Registrar } from "./registration.ts";
import type { Listening } from "./serve.ts";
import type { AgentState } from "./state.ts";

export interface RunningAgent {
  readonly spiffeId: string;
  /** What is under way gets some seconds to end. */
  stop(): Promise<void>;
}

const GRACE_MS = 10_000;
const REVOCATIONS_FILE = "revocations.txt";

/** What one agent is made of while it runs. */
interface Parts {
  readonly control: MeshControl;
  readonly state: AgentState;
  readonly keeper: SvidKeeper;
  readonly tell: Tell;
  readonly listening: Listening[];
  readonly onStop: (step: () => Promise<void> | void) => void;
}

/** @throws where it gets no certificate, or cannot listen, with what to do about it */
export async function startAgent(options: AgentOptions, state: AgentState, tell: Tell): Promise<RunningAgent> {
  const control = new MeshControl(options);
  const keeper = new SvidKeeper({
    kept: keptFor(options, state.readSvid()),
    obtain: async (current) => obtain(current, control, options),
    tell,
  });
  keeper.onChange((svid) => state.writeSvid(svid));
  const cleanup: (() => Promise<void> | void)[] = [() => keeper.stop(), () => control.close()];
  const listening: Listening[] = [];
  let registrar: Registrar | null = null;
  const stop = async (): Promise<void> => {
    // Nobody is sent here any more, what is under way ends, and only then goes what it needs.
    await registrar?.stop();
    await Promise.all(listening.map(async (open) => open.close(GRACE_MS)));
    for (const step of cleanup.splice(0).toReversed()) await step();
  };
  const onStop = (step: () => Promise<void> | void): void => void cleanup.push(step);
  const parts: Parts = { control, state, keeper, tell, listening, onStop };
  try {
    const svid = await keeper.start();
    const { write, registration } = options;
    if (write !== null) {
      writeFiles(write, svid);
      keeper.onChange((fresh) => writeFiles(write, fresh));
    }
    if (options.out !== null) await openWaysOut(options.out, parts);
    if (options.in !== null) await openWaysIn(options.in, svid, parts);
    if (registration !== null) {
      registrar = new Registrar(registration, control, tell);
      await registrar.start();
    }
    return { spiffeId: svid.spiffeId, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function keptFor({ workload }: AgentOptions, svid: Svid | null): Svid | null {
  if (svid === null || workload === null) return svid;
  const id = parseSpiffeId(svid.spiffeId);
  const kept = id.ok ? workloadOf(id.value) : null;
  const isSame = kept?.namespace === workload.namespace && kept.serviceAccount === workload.serviceAccount;
  return isSame ? svid : null;
}

async function openWaysOut(out: Out, { keeper, tell, listening, onStop }: Parts): Promise<void> {
  const dialer = new SvidDialer(() => keeper.svid);
  onStop(() => dialer.close());
  for (const listener of out.listeners) {
    const open = await openOut(listener, out, dialer, tell);
    listening.push(open);
    const address = `${listener.address}:${open.port}`;
    tell({ event: "agent_listening", direction: "out", address, to: listener.service });
  }
}

async function openWaysIn(
  way: In,
  svid: Svid,
  { control, state, keeper, tell, listening, onStop }: Parts,
): Promise<void> {
  const id = parseSpiffeId(svid.spiffeId);
  const keys = new AssertionKeys(control, state);
  const revoked = new Revocations({
    control,
    kept: state.read(REVOCATIONS_FILE),
    keep: (text) => state.write(REVOCATIONS_FILE, text),
    tell,
  });
  onStop(() => keys.stop());
  onStop(() => revoked.stop());
  await Promise.all([keys.start(), revoked.start()]);
  const callers = new Callers(way.proof, id.ok ? id.value.trustDomain : "", keys, revoked);
  for (const listener of way.listeners) {
    const open = await openIn(listener, way, keeper.svid ?? svid, callers, tell);
    listening.push(open);
    keeper.onChange((fresh) => open.renew(fresh));
    const address = `${listener.address}:${open.port}`;
    tell({ event: "agent_listening", direction: "in", address, to: `127.0.0.1:${listener.programPort}` });
  }
}

/** By the certificate that still holds; without one by a join token. */
async function obtain(current: Svid | null, control: MeshControl, options: AgentOptions): Promise<Svid> {
  if (current !== null) {
    try {
      return await renew(current, control, options.ttlSeconds);
    } catch (error) {
      // Control says no, for good perhaps: a join token is another way, where there is one.
      if (!(error instanceof Refused)) throw error;
      const token = await options.joinToken().catch(() => null);
      if (token === null) throw error;
      return control.enrol(token, options.ttlSeconds);
    }
  }
  const token = await options.joinToken();
  if (token !== null) return control.enrol(token, options.ttlSeconds);
  throw new Error(
    "there is no certificate, and no join token to get one with: give --join-token-file or TULLE_JOIN_TOKEN",
  );
}
