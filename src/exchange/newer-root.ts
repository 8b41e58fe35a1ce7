import type { Root } from "../snapshot/model.ts";

/** Hosts that were served and are not in use: so many get their new slices with a root, those whose last came latest. */
const MAX_RESTING = 200;

/**
 * Slices that a newer root lists in place of some that are here, but those of hosts in use: their hosts may be asked for again when
 * control is away.
 *
 * @param held ids of slices that are here, the latest last
 * @param wanted those that the newer root lists for hosts in use
 */
export function restingSlices(
  last: Pick<Root, "scopes">,
  next: Pick<Root, "scopes">,
  held: Iterable<string>,
  wanted: readonly string[],
): readonly string[] {
  const changed = new Map<string, string[]>();
  for (const [scope, hosts] of Object.entries(last.scopes)) {
    for (const [host, id] of Object.entries(hosts)) {
      const other: unknown = next.scopes[scope]?.[host];
      if (id === null || other === id || typeof other !== "string") continue;
      const others = changed.get(id);
      if (others === undefined) changed.set(id, [other]);
      else others.push(other);
    }
  }
  // Scopes have slices in common.
  const resting = new Set([...held].toReversed().flatMap((id) => changed.get(id) ?? []));
  for (const id of wanted) resting.delete(id);
  return [...resting].slice(0, MAX_RESTING);
}

/**
 * Whether all that a newer root says otherwise is slices that are not here: then the last one keeps nothing from anybody. What takes
 * something away, or is here to be obeyed, waits for nobody.
 */
export function canWait(last: Root, next: Root, isHere: (id: string) => boolean): boolean {
  if (besides(last) !== besides(next)) return false;
  for (const scope of new Set([...Object.keys(last.scopes), ...Object.keys(next.scopes)])) {
    const [before, after] = [last.scopes[scope] ?? {}, next.scopes[scope] ?? {}];
    for (const host of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const id: unknown = after[host];
      if (id !== before[host] && (typeof id !== "string" || isHere(id))) return false;
    }
  }
  return true;
}

/** What a root says besides which slices it lists, and when: trust, and what is told of calls. */
function besides(root: Root): string {
  return JSON.stringify({ ...root, generation: 0, issuedAt: 0, scopes: {} });
}
