import type { DeployedWorker } from "./workers.ts";

/** One deployment of one Worker. */
export interface DeployStep {
  readonly worker: DeployedWorker;
  /** Workers that it binds but that are not there yet: their bindings are left out, and it is deployed once more. */
  readonly without: readonly string[];
  readonly pass: 1 | 2;
}

/**
 * Orders the deployments so that whatever a Worker binds is there before it. Workers that bind each other in a circle
 * cannot all wait: one of the circle goes first without the bindings that close it, and a second pass adds them.
 */
export function planDeployments(workers: readonly DeployedWorker[]): readonly DeployStep[] {
  const known = new Set(workers.map(({ name }) => name));
  const deployed = new Set<string>();
  const first: DeployStep[] = [];
  const waiting = [...workers];
  const missing = (worker: DeployedWorker) => [
    ...new Set(worker.bindings.map(({ service }) => service).filter((name) => known.has(name) && !deployed.has(name))),
  ];
  while (waiting.length > 0) {
    const next = waiting.find((worker) => missing(worker).length === 0) ?? breaksCircle(waiting, missing);
    first.push({ worker: next, without: missing(next), pass: 1 });
    deployed.add(next.name);
    waiting.splice(waiting.indexOf(next), 1);
  }
  const second = first
    .filter(({ without }) => without.length > 0)
    .map(({ worker }) => ({ worker, without: [], pass: 2 as const }));
  return [...first, ...second];
}

/** Of those that wait for each other: a gateway, the one with the fewest bindings missing, so that few are deployed twice. */
function breaksCircle(
  waiting: readonly DeployedWorker[],
  missing: (worker: DeployedWorker) => readonly string[],
): DeployedWorker {
  const candidates = waiting.filter(({ role }) => role === "gateway");
  const [chosen] = (candidates.length > 0 ? candidates : waiting).toSorted(
    (a, b) => missing(a).length - missing(b).length || a.name.localeCompare(b.name),
  );
  if (!chosen) throw new Error("nothing waits");
  return chosen;
}
