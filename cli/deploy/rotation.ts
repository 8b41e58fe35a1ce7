import { deployWorker } from "./deploy-worker.ts";
import { assertionKeyIsSet } from "./keys.ts";
import { type DeployRun, plannedWorkers } from "./run.ts";
import type { Step } from "./steps.ts";
import type { DeployedWorker } from "./workers.ts";

/** Roots are signed anew every 5 minutes and assertions end after one: by then nothing lives that an older key signed. */
const RETIRED_AFTER_MS = 15 * 60_000;

/** The last steps of a rotation, asked for now or begun by a run that was stopped: all know the next keys, and they are used from here on. */
export function rotationSteps(run: DeployRun): readonly Step[] {
  if (run.only !== null) return [];
  const { snapshot } = run.state.pendingKeys();
  const workers = plannedWorkers(run);
  const control = workers.filter(
    ({ role }) => role === "control" && (snapshot !== undefined || run.rotate.has("snapshot-key")),
  );
  const gateways = workers.filter(
    ({ role, name }) => role === "gateway" && (isNext(run, name) || run.rotate.has("assertion-keys")),
  );
  return [
    ...control.map((worker) => ({
      title: `control ${worker.name}: sign configuration with the next key`,
      run: async () => useSnapshotKey(run, worker),
    })),
    ...gateways.map((worker) => ({
      title: `gateway ${worker.name}: sign assertions with the next key`,
      run: async () => useAssertionKey(run, worker),
    })),
  ];
}

/** @returns whether a key waits that others know, beside the one in use */
function isNext({ state }: DeployRun, gateway: string): boolean {
  return state.pendingKeys().assertion[gateway] !== undefined && (state.kept.assertionKeys[gateway] ?? []).length > 1;
}

async function useSnapshotKey(run: DeployRun, worker: DeployedWorker): Promise<string> {
  const { state } = run;
  const { snapshot, ...pending } = state.pendingKeys();
  if (snapshot === undefined) return "the key is new anyway";
  await run.settle();
  await deployWorker(run, { worker, without: [], pass: 1 }, { SNAPSHOT_PRIVATE_KEY: snapshot.secret });
  retire(run, state.kept.snapshotKeys, snapshot.publicKey);
  state.keepPendingKeys(pending);
  return DONE;
}

async function useAssertionKey(run: DeployRun, worker: DeployedWorker): Promise<string> {
  const { state } = run;
  const key = state.pendingKeys().assertion[worker.name];
  if (key === undefined) return "the key is new anyway";
  await run.settle();
  await deployWorker(run, { worker, without: [], pass: 1 }, { ASSERTION_KEY: key.secret });
  retire(run, state.kept.assertionKeys[worker.name] ?? [], key.publicKey);
  assertionKeyIsSet(run, worker.name);
  return DONE;
}

const DONE = `deployed; the key before is trusted until the first \`tulle deploy\` after ${RETIRED_AFTER_MS / 60_000} minutes`;

function retire({ state }: DeployRun, keys: readonly string[], used: string): void {
  const at = Date.now() + RETIRED_AFTER_MS;
  const old = keys.filter((key) => key !== used).map((key) => [key, at] as const);
  state.update({ retiring: { ...state.kept.retiring, ...Object.fromEntries(old) } });
}
