/**
 * When certificates of the mesh's authority are made, sign, and are trusted. A new one is first trusted everywhere and only later
 * signs; an old one is trusted until the last of what it signed has ended. All times are epoch ms.
 */

/** A certificate of the authority. */
export interface CaCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  /** `both`: a root that signs workloads itself, as authorities did before there were intermediates. */
  readonly role: "root" | "intermediate" | "both";
  /** Serial of the root above it; a root's is its own. */
  readonly root: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly signsFrom: number;
  /** End of the last certificate that it signed; null: it signed none. */
  readonly lastEnds: number | null;
  /** Its key is here; else somebody else's, and it is only trusted. */
  readonly isOurs: boolean;
}

/** What is to be made: a root with the first intermediate below it, or an intermediate alone; `import` is for people to do. */
export type Due = "root" | "intermediate" | "import";

/** An intermediate is followed by the next one at half of its life, */
const INTERMEDIATE_SHARE = 0.5;
/** a root at four fifths: it has to be told to others by hand. */
const ROOT_SHARE = 0.8;
/** Clocks of gateways differ. */
export const LEEWAY_MS = 60_000;

/** @returns the one that signs now; null: none may */
export function signingAt<C extends CaCertificate>(all: readonly C[], now: number): C | null {
  const usable = all.filter(({ role, signsFrom, notAfter }) => role !== "root" && signsFrom <= now && notAfter > now);
  return usable.reduce<C | null>((best, one) => (best === null || one.signsFrom >= best.signsFrom ? one : best), null);
}

/** @returns those that sign workloads, or will, or signed what has not ended yet */
export function trustedAt<C extends CaCertificate>(all: readonly C[], now: number): readonly C[] {
  const signing = signingAt(all, now);
  return all.filter(
    (one) =>
      one.role !== "root" &&
      one.notAfter + LEEWAY_MS > now &&
      (one === signing || one.signsFrom > now || (one.lastEnds ?? 0) + LEEWAY_MS > now),
  );
}

/** @returns the roots of all that are trusted: the mesh's bundle */
export function anchorsAt<C extends CaCertificate>(all: readonly C[], now: number): readonly C[] {
  const roots = new Set(trustedAt(all, now).map(({ root }) => root));
  return all.filter(({ role, serial, notAfter }) => role !== "intermediate" && notAfter > now && roots.has(serial));
}

/** @returns those that nothing needs any more */
export function endedAt<C extends CaCertificate>(all: readonly C[], now: number): readonly C[] {
  const kept = new Set([...trustedAt(all, now), ...anchorsAt(all, now)]);
  return all.filter((one) => !kept.has(one));
}

/** @returns what is to be made now; null: nothing */
export function dueAt(all: readonly CaCertificate[], now: number): Due | null {
  const dueTimes = dues(all, now);
  return dueTimes.find(({ at }) => at <= now)?.what ?? null;
}

/** @returns when to look again, and what is made then where it is known */
export function nextAt(
  all: readonly CaCertificate[],
  now: number,
): { readonly at: number; readonly what: Due | null } | null {
  const [due] = dues(all, now).toSorted((a, b) => a.at - b.at);
  const ends = trustedAt(all, now).flatMap((one) =>
    one === signingAt(all, now) ? [] : [one.signsFrom > now ? one.signsFrom : (one.lastEnds ?? 0) + LEEWAY_MS],
  );
  const first = Math.min(...ends, due?.at ?? Infinity);
  if (first === Infinity) return null;
  return { at: first, what: due?.at === first ? due.what : null };
}

/** What is made next by itself; while something waits for its time, nothing. */
export function dues(
  all: readonly CaCertificate[],
  now: number,
): readonly { readonly what: Due; readonly at: number }[] {
  if (all.some(({ role, signsFrom }) => role !== "root" && signsFrom > now)) return [];
  const signing = signingAt(all, now);
  if (signing === null) {
    // Whose root is somebody else's, it stays so until an administrator says otherwise.
    const hasForeign = all.some(({ role, isOurs }) => role === "root" && !isOurs);
    return [{ what: hasForeign ? "import" : "root", at: now }];
  }
  const root = all.find(({ serial }) => serial === signing.root);
  if (signing.role === "both" || root === undefined) return [{ what: "root", at: now }];
  const halfLife = shareOf(signing, INTERMEDIATE_SHARE);
  if (!root.isOurs) return [{ what: "import", at: halfLife }];
  return [
    { what: "root", at: shareOf(root, ROOT_SHARE) },
    { what: "intermediate", at: halfLife },
  ];
}

/**
 * When one that is made now signs.
 *
 * @param lead how long it is trusted before; shorter where the one before ends sooner, for then nobody could sign
 */
export function signsFrom(all: readonly CaCertificate[], lead: number, now: number): number {
  const signing = signingAt(all, now);
  return signing === null ? now : Math.min(now + lead, signing.notAfter);
}

function shareOf({ notBefore, notAfter }: CaCertificate, share: number): number {
  return notBefore + (notAfter - notBefore) * share;
}
