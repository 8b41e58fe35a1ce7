import type { ShadowNote } from "../policy/shadow.ts";
import type { Trace } from "./trace.ts";
import type { Decision } from "./types.ts";

/** Collects what policies tell that enforce nothing, beside what a trace wants to know. Made only where a slice has such. */
export class Notes implements Trace {
  readonly #trace: Trace | undefined;
  readonly #notes: ShadowNote[] = [];

  constructor(trace: Trace | undefined) {
    this.#trace = trace;
  }

  saw(...told: Parameters<Trace["saw"]>): void {
    this.#trace?.saw(...told);
  }

  routed(...told: Parameters<Trace["routed"]>): void {
    this.#trace?.routed(...told);
  }

  enters(...told: Parameters<NonNullable<Trace["enters"]>>): void {
    this.#trace?.enters?.(...told);
  }

  looked(...told: Parameters<NonNullable<Trace["looked"]>>): void {
    this.#trace?.looked?.(...told);
  }

  limited(...told: Parameters<NonNullable<Trace["limited"]>>): void {
    this.#trace?.limited?.(...told);
  }

  rehearsed(...told: Parameters<NonNullable<Trace["rehearsed"]>>): void {
    this.#trace?.rehearsed?.(...told);
  }

  /** Endpoints of one cluster may have the same policies among others: they tell once. */
  noted(notes: readonly ShadowNote[]): void {
    for (const note of notes) {
      if (this.#notes.some((known) => isSame(known, note))) continue;
      this.#notes.push(note);
      this.#trace?.saw(note.stage, note.policy ?? "none", describeNote(note));
    }
  }

  /** The decision with what was told; as it is where nothing was. */
  of(decision: Decision): Decision {
    return this.#notes.length === 0 ? decision : { ...decision, notes: this.#notes };
  }
}

/** As `explain` tells it: `audit`, `dry-run DENY denied`, `observed rbac_denied_no_allow`. */
function describeNote({ action, dryRun, result, code }: ShadowNote): string {
  if (code !== undefined) return `observed ${code}`;
  return dryRun ? `dry-run ${action} ${result}` : "audit";
}

function isSame(a: ShadowNote, b: ShadowNote): boolean {
  return (
    a.stage === b.stage &&
    a.action === b.action &&
    a.dryRun === b.dryRun &&
    a.result === b.result &&
    a.policy === b.policy &&
    a.code === b.code
  );
}
