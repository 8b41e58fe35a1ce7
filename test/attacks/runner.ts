import { ControlCases } from "./control-cases.ts";
import { type AttackCase, waitOf } from "./corpus.ts";
import { GatewayCases, type Numbered } from "./gateway-cases.ts";
import { turn } from "../support/turn.ts";
import { strangerIn } from "./known.ts";
import { NotCovered, type Outcome } from "./outcome.ts";
import { runSnapshotCase } from "./snapshot-cases.ts";
import { runUiCase } from "./ui-cases.ts";
import { runUnitCase } from "./unit-cases.ts";

/** Starts when it is first asked for. */
class Once<T extends { stop(): Promise<void> }> {
  readonly #start: () => Promise<T>;
  #started: Promise<T> | null = null;

  constructor(start: () => Promise<T>) {
    this.#start = start;
  }

  async get(): Promise<T> {
    return (this.#started ??= this.#start());
  }

  async stop(): Promise<void> {
    await (await this.#started?.catch(() => undefined))?.stop();
  }
}

/** Tries the cases of a corpus: on a real mesh, on a real control Worker, on the functions that both are made of. */
export class AttackRun {
  readonly #numbers: ReadonlyMap<AttackCase, Numbered>;
  readonly #gateway: Once<GatewayCases>;
  readonly #control = new Once(async () => ControlCases.start());

  /** @param oneIn of what a case generates, one in so many is tried */
  constructor(cases: readonly AttackCase[], oneIn = 1) {
    this.#numbers = new Map(cases.map((attack, at) => [attack, { attack, index: at + 1 }]));
    const onMesh = [...this.#numbers.values()].filter(
      ({ attack }) => (attack.target === "gateway" || attack.target === "snapshot") && strangerIn(attack) === null,
    );
    this.#gateway = new Once(async () => GatewayCases.start(onMesh, oneIn));
    this.#oneIn = oneIn;
  }

  readonly #oneIn: number;

  /** @param tries whether it is also tried where it waits for a feature */
  async run(attack: AttackCase, tries = false): Promise<Outcome> {
    const stranger = strangerIn(attack);
    if (stranger !== null) return { kind: "error", why: `the runner doesn't know its ${stranger}` };
    const feature = waitOf(attack);
    if (feature !== null && !tries) return { kind: "waits", feature };
    try {
      await this.#try(attack);
      return { kind: "passed" };
    } catch (error) {
      if (error instanceof NotCovered) return { kind: "not covered", why: error.message };
      return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
    }
  }

  async stop(): Promise<void> {
    await this.#gateway.stop();
    await this.#control.stop();
  }

  async #try(attack: AttackCase): Promise<void> {
    const numbered = this.#numbers.get(attack);
    if (numbered === undefined) throw new Error("no case of this run");
    switch (attack.target) {
      case "gateway":
        return (await this.#gateway.get()).run(numbered);
      case "snapshot":
        return runSnapshotCase(numbered, (await this.#gateway.get()).mesh);
      case "unit":
        await runUnitCase(attack, this.#oneIn);
        // It has held the thread for seconds: connections to control have idled out unseen.
        return turn();
      case "ui":
        return runUiCase(attack, (await this.#control.get()).world);
      default:
        return (await this.#control.get()).run(attack);
    }
  }
}
