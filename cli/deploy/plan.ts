/** A Worker, as far as the order of deployments goes. */
export interface PlannedWorker {
  readonly name: string;
  readonly role: string;
  /** Workers that it binds; a binding can come later. */
  readonly binds: readonly string[];
  /** Workers without which it cannot be deployed. */
  readonly needs: readonly string[];
}

/** One deployment of one Worker. */
export interface Deployment<W extends PlannedWorker = PlannedWorker> {
  readonly worker: W;
  /** Workers that it binds but that are not there yet: their bindings are left out, and it is deployed once more. */
  readonly without: readonly string[];
  readonly pass: 1 | 2;
}

/**
 * Orders the deployments so that whatever a Worker binds is there before it. Workers that bind each other in a circle
 * cannot all wait: one of the circle goes first without the bindings that close it, and a second pass adds them.
 *
 * @param there names of those that were deployed before
 */
export function planDeployments<W extends PlannedWorker>(
  workers: readonly W[],
  there: ReadonlySet<string> = new Set(),
): readonly Deployment<W>[] {
  const known = new Set(workers.map(({ name }) => name));
  const deployed = new Set(there);
  const first: Deployment<W>[] = [];
  const waiting = [...workers];
  const missing = ({ name, binds, needs }: W) => [
    ...new Set([...binds, ...needs].filter((other) => other !== name && known.has(other) && !deployed.has(other))),
  ];
  while (waiting.length > 0) {
    const next = waiting.find((worker) => missing(worker).length === 0) ?? breaksCircle(waiting, missing);
    first.push({ worker: next, without: missing(next).filter((name) => next.binds.includes(name)), pass: 1 });
    deployed.add(next.name);
    waiting.splice(waiting.indexOf(next), 1);
  }
  const second = first
    .filter(({ without }) => without.length > 0)
    .map(({ worker }) => ({ worker, without: [], pass: 2 as const }));
  return [...first, ...second];
}

/** Of those that wait for each other: a gateway, the one with the fewest bindings missing, so that few are deployed twice. */
function breaksCircle<W extends PlannedWorker>(waiting: readonly W[], missing: (worker: W) => readonly string[]): W {
  const candidates = waiting.filter(({ role }) => role === "gateway");
  const [chosen] = (candidates.length > 0 ? candidates : waiting).toSorted(
    (a, b) => missing(a).length - missing(b).length || a.name.localeCompare(b.name),
  );
  if (!chosen) throw new Error("nothing waits");
  return chosen;
}
