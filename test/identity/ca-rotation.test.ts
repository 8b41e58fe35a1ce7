import { array, assert, constantFrom, integer, oneof, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anchorsAt,
  type CaCertificate,
  dueAt,
  endedAt,
  LEEWAY_MS,
  nextAt,
  signingAt,
  signsFrom,
  trustedAt,
} from "../../src/identity/ca-rotation.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;
const LIVES = { root: 3_650 * DAY, intermediate: 30 * DAY };

/** A small authority: what the object does, without keys and storage. */
class Model {
  all: CaCertificate[] = [];
  #serial = 0;

  /** One step of the alarm; it may be the only one before a crash. */
  step(now: number): boolean {
    const due = dueAt(this.all, now);
    if (due === "root") this.root(signsFrom(this.all, 7 * DAY, now), now);
    if (due === "intermediate") this.intermediate(signingAt(this.all, now)!.root, signsFrom(this.all, HOUR, now), now);
    const ended = new Set(endedAt(this.all, now));
    this.all = this.all.filter((one) => !ended.has(one));
    return due === "root" || due === "intermediate" || ended.size > 0;
  }

  root(signsFrom: number, now: number): void {
    const serial = String((this.#serial += 1));
    const times = { notBefore: now, notAfter: now + LIVES.root, signsFrom, lastEnds: null, isOurs: true };
    this.all.push({ serial, role: "root", root: serial, ...times });
    this.intermediate(serial, signsFrom, now);
  }

  intermediate(root: string, signsFrom: number, now: number): void {
    const serial = String((this.#serial += 1));
    const times = { notBefore: now, notAfter: now + LIVES.intermediate, signsFrom, lastEnds: null, isOurs: true };
    this.all.push({ serial, role: "intermediate", root, ...times });
  }

  /** @returns the leaf, or null where nobody may sign */
  issue(now: number, life: number): { issuer: string; root: string; ends: number } | null {
    const signing = signingAt(this.all, now);
    if (signing === null) return null;
    const ends = Math.min(now + life, signing.notAfter);
    this.all = this.all.map((one) => (one === signing ? { ...one, lastEnds: Math.max(one.lastEnds ?? 0, ends) } : one));
    return { issuer: signing.serial, root: signing.root, ends };
  }
}

describe("rotation of the authority's certificates", () => {
  it("makes a root with its intermediate at the first start, which signs at once", () => {
    const model = new Model();
    expect(dueAt([], 0)).toBe("root");
    model.step(0);
    expect(model.all.map(({ role }) => role)).toEqual(["root", "intermediate"]);
    expect([signingAt(model.all, 0)?.serial, dueAt(model.all, 0)]).toEqual(["2", null]);
  });

  it("trusts the next intermediate at half of the life of the one before, an hour before it signs", () => {
    const model = new Model();
    model.step(0);
    expect(nextAt(model.all, 1)).toEqual({ at: 15 * DAY, what: "intermediate" });
    model.step(15 * DAY);
    expect(trustedAt(model.all, 15 * DAY).map(({ serial }) => serial)).toEqual(["2", "3"]);
    expect(signingAt(model.all, 15 * DAY + HOUR - 1)?.serial).toBe("2");
    expect(signingAt(model.all, 15 * DAY + HOUR)?.serial).toBe("3");
    // Twice is never made.
    expect(model.step(15 * DAY + 1)).toBe(false);
  });

  it("trusts one that signs no more until the last of what it signed has ended, and not longer", () => {
    const model = new Model();
    model.step(0);
    model.issue(15 * DAY, DAY);
    model.step(15 * DAY);
    const ends = 16 * DAY + LEEWAY_MS;
    expect(trustedAt(model.all, ends - 1).map(({ serial }) => serial)).toContain("2");
    expect(nextAt(model.all, 15 * DAY + HOUR)?.at).toBe(ends);
    expect(model.step(ends)).toBe(true);
    expect(model.all.map(({ serial }) => serial)).toEqual(["1", "3"]);
  });

  it("brings the authority of an older version under a root: what it signed counts until it has ended", () => {
    const model = new Model();
    const older = { serial: "old", root: "old", notBefore: -DAY, notAfter: 3_649 * DAY, signsFrom: -DAY, isOurs: true };
    model.all = [{ ...older, role: "both", lastEnds: DAY }];
    expect(dueAt(model.all, 0)).toBe("root");
    model.step(0);
    expect(anchorsAt(model.all, 0).map(({ serial }) => serial)).toEqual(["old", "1"]);
    expect(signingAt(model.all, 7 * DAY - 1)?.serial).toBe("old");
    model.issue(7 * DAY - 1, DAY);
    expect(signingAt(model.all, 7 * DAY)?.serial).toBe("2");
    model.step(8 * DAY);
    expect(anchorsAt(model.all, 8 * DAY)).toHaveLength(2);
    model.step(8 * DAY + LEEWAY_MS);
    expect(model.all.map(({ serial }) => serial)).toEqual(["1", "2"]);
  });

  it("leaves an intermediate of somebody else's root to people", () => {
    const root = { serial: "r", role: "root" as const, root: "r", isOurs: false };
    const times = { notBefore: 0, notAfter: 30 * DAY, signsFrom: 0, lastEnds: null };
    const all = [
      { ...root, ...times },
      { ...times, serial: "i", role: "intermediate" as const, root: "r", isOurs: true },
    ];
    expect([dueAt(all, 15 * DAY - 1), dueAt(all, 15 * DAY), dueAt(all, 31 * DAY)]).toEqual([null, "import", "import"]);
    expect(signingAt(all, 31 * DAY)).toBeNull();
  });

  it("never lets a leaf of 24 hours fall out of trust, nor an unpublished certificate sign, whatever comes when", () => {
    const action = record({
      wait: oneof(integer({ min: 0, max: 2 * DAY }), integer({ min: 0, max: 400 * DAY })),
      kind: constantFrom("alarm", "alarm", "issue", "issue", "crash", "root", "intermediate"),
      life: integer({ min: 1_000, max: DAY }),
    });
    assert(
      property(array(action, { maxLength: 60 }), (actions) => {
        const model = new Model();
        const leaves: { issuer: string; root: string; ends: number }[] = [];
        const seenSince = new Map<string, number>();
        let now = 0;
        model.step(now);
        for (const { wait, kind, life } of actions) {
          const before = new Set(model.all.map(({ serial }) => serial));
          now += wait;
          // The object settles what is due before it answers anything; a crash leaves it after any one step.
          if (kind === "crash") model.step(now);
          else while (model.step(now));
          if (kind === "root" && dueAt(model.all, now) === null) model.root(now + HOUR, now);
          if (kind === "intermediate") {
            const signing = signingAt(model.all, now);
            if (signing !== null) model.intermediate(signing.root, now + HOUR, now);
          }
          // Who slept until the last one ended has no time left to tell of the next.
          const since = wait >= 14 * DAY ? -HOUR : now;
          for (const { serial } of model.all) if (!before.has(serial)) seenSince.set(serial, since);
          if (kind === "issue") {
            const leaf = model.issue(now, life);
            expect(leaf).not.toBeNull();
            leaves.push(leaf!);
            const published = seenSince.get(leaf!.issuer) ?? -HOUR;
            expect(now - published).toBeGreaterThanOrEqual(HOUR);
          }
          const trusted = new Set(trustedAt(model.all, now).map(({ serial }) => serial));
          const anchors = new Set(anchorsAt(model.all, now).map(({ serial }) => serial));
          for (const { issuer, root, ends } of leaves) {
            if (ends < now) continue;
            expect(trusted).toContain(issuer);
            expect(anchors).toContain(root);
          }
          // Nothing piles up.
          expect(model.all.length).toBeLessThan(100);
        }
      }),
      { numRuns: 300 },
    );
  });
});
