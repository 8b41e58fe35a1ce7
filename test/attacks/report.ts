import type { AttackCase } from "./corpus.ts";
import type { Outcome } from "./outcome.ts";

export interface Result {
  readonly attack: AttackCase;
  readonly outcome: Outcome;
  readonly ms: number;
}

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly notCovered: number;
  readonly skipped: number;
}

export function tally(results: readonly Result[]): Tally {
  const count = (...kinds: readonly Outcome["kind"][]): number =>
    results.filter(({ outcome }) => kinds.includes(outcome.kind)).length;
  return {
    passed: count("passed"),
    failed: count("failed", "error"),
    notCovered: count("not covered"),
    skipped: count("waits"),
  };
}

/** A line of one case. */
export function described({ attack: { id, title }, outcome }: Result): string {
  switch (outcome.kind) {
    case "passed":
      return `passed       ${id} ${title}`;
    case "waits":
      return `skipped      ${id} waits for ${outcome.feature}: ${title}`;
    case "error":
      return `ERROR        ${id} ${title}\n             ${outcome.why}`;
    case "failed":
    case "not covered":
      return `${outcome.kind.toUpperCase().padEnd(12)} ${id} ${title}\n             ${outcome.why.slice(0, 2_000)}`;
  }
}

/** A table of the classes, and the line that closes the run: what is not covered counts as failed. */
export function summary(results: readonly Result[]): string {
  const classes = [...new Set(results.map(({ attack }) => attack.class))];
  const rows = classes.map((name) => {
    const { passed, failed, notCovered, skipped } = tally(results.filter(({ attack }) => attack.class === name));
    const cells = [passed, failed, notCovered, skipped].map((count) => String(count).padStart(11));
    return `${name.padEnd(28)}${cells.join(" ")}`;
  });
  const { passed, failed, notCovered, skipped } = tally(results);
  const heads = ["passed", "failed", "not covered", "skipped"].map((head) => head.padStart(11)).join(" ");
  return [
    `${"class".padEnd(28)}${heads}`,
    ...rows,
    `${passed} passed, ${failed + notCovered} failed, ${skipped} skipped`,
  ].join("\n");
}
