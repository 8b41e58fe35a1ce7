import { CommandError } from "../tulle/command-error.ts";
import { type DeployRun, plannedWorkers } from "./run.ts";
import { makeAssertionKey, makeSnapshotKey, type Rotatable } from "./secrets.ts";
import type { DeployedWorker } from "./workers.ts";

/**
 * Makes the keys that this run needs: of gateways that have none, and the next ones of those that rotate. Control and gateways
 * are told of a key's public half before anything is signed by it.
 *
 * @param now epoch ms
 * @throws CommandError where a rotation is asked for that cannot begin yet
 */
export function prepareKeys(run: DeployRun, now: number): void {
  dropRetired(run, now);
  if (run.only !== null) return;
  makeFirst(run);
  if (run.rotate.has("snapshot-key")) nextSnapshotKey(run, now);
  if (run.rotate.has("assertion-keys")) for (const { name } of gatewaysOf(run)) nextAssertionKey(run, name, now);
}

/** What a gateway that has no key yet gets with its deployment. */
export function firstAssertionKey({ state }: DeployRun, gateway: string): Readonly<Record<string, string>> | null {
  const key = state.pendingKeys().assertion[gateway];
  const isFirst = (state.kept.assertionKeys[gateway] ?? []).length === 1;
  return key !== undefined && isFirst ? { ASSERTION_KEY: key.secret } : null;
}

/** The gateway has it: it is forgotten here. */
export function assertionKeyIsSet({ state }: DeployRun, gateway: string): void {
  const { [gateway]: _, ...assertion } = state.pendingKeys().assertion;
  state.keepPendingKeys({ ...state.pendingKeys(), assertion });
}

function gatewaysOf(run: DeployRun): readonly DeployedWorker[] {
  return plannedWorkers(run).filter(({ role }) => role === "gateway");
}

function makeFirst(run: DeployRun): void {
  const { state } = run;
  for (const { name } of gatewaysOf(run)) {
    const pending = state.pendingKeys();
    const isThere = state.kept.workers[name] !== undefined && state.kept.assertionKeys[name] !== undefined;
    if (isThere && pending.assertion[name] === undefined) continue;
    const key = pending.assertion[name] ?? makeAssertionKey();
    // The secret before its public half: whoever is stopped between the two goes on with the same key.
    state.keepPendingKeys({ ...pending, assertion: { ...pending.assertion, [name]: key } });
    const known = isThere ? (state.kept.assertionKeys[name] ?? []) : [];
    publish(run, name, [...known.filter((each) => each !== key.publicKey), key.publicKey]);
  }
}

/** Tells control, at its next deployment, by which keys a gateway's assertions verify. */
function publish({ state }: DeployRun, gateway: string, keys: readonly string[]): void {
  state.update({ assertionKeys: { ...state.kept.assertionKeys, [gateway]: [...keys] } });
}

function nextSnapshotKey({ state }: DeployRun, now: number): void {
  const { snapshotKeys } = state.kept;
  const pending = state.pendingKeys();
  // At the first deployment the key is new anyway.
  if (snapshotKeys.length === 0) return;
  if (pending.snapshot === undefined) refuseEarly(state, snapshotKeys, "snapshot-key", now);
  const key = pending.snapshot ?? makeSnapshotKey();
  state.keepPendingKeys({ ...pending, snapshot: key });
  if (!snapshotKeys.includes(key.publicKey)) state.update({ snapshotKeys: [...snapshotKeys, key.publicKey] });
}

function nextAssertionKey(run: DeployRun, gateway: string, now: number): void {
  const { state } = run;
  const pending = state.pendingKeys();
  if (pending.assertion[gateway] !== undefined) return;
  const known = state.kept.assertionKeys[gateway] ?? [];
  refuseEarly(state, known, "assertion-keys", now);
  const key = makeAssertionKey();
  state.keepPendingKeys({ ...pending, assertion: { ...pending.assertion, [gateway]: key } });
  publish(run, gateway, [...known, key.publicKey]);
}

/** Of three keys at a time nobody knows which one is meant. */
function refuseEarly({ kept }: DeployRun["state"], keys: readonly string[], what: Rotatable, now: number): void {
  const until = Math.max(0, ...keys.map((key) => kept.retiring[key] ?? 0));
  if (until <= now) return;
  const at = new Date(until).toISOString();
  throw new CommandError(`--rotate ${what}: the key before this one is trusted until ${at}; rotate again after that`);
}

/** Keys that signed nothing that lives still are told to nobody any more. */
function dropRetired({ state }: DeployRun, now: number): void {
  const { snapshotKeys, assertionKeys, retiring } = state.kept;
  const isGone = (key: string): boolean => (retiring[key] ?? Infinity) <= now;
  if (!Object.keys(retiring).some(isGone)) return;
  state.update({
    snapshotKeys: snapshotKeys.filter((key) => !isGone(key)),
    assertionKeys: Object.fromEntries(
      Object.entries(assertionKeys).map(([gateway, keys]) => [gateway, keys.filter((key) => !isGone(key))]),
    ),
    retiring: Object.fromEntries(Object.entries(retiring).filter(([key]) => !isGone(key))),
  });
}
