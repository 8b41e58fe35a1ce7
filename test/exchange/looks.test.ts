import { describe, expect, it } from "vitest";
import { Looks, type Wish } from "../../src/exchange/looks.ts";

/** A model clock: waits end when it is moved past them, looks when they are answered. */
class Model {
  now = 0;
  awake: string[] = [];
  readonly looked: { readonly at: number; readonly gateways: readonly string[] }[] = [];
  #waits: { readonly at: number; readonly end: () => void }[] = [];
  #answers: (() => void)[] = [];
  readonly looks = new Looks({
    look: async (gateways) => {
      this.looked.push({ at: this.now, gateways: [...gateways].toSorted() });
      await new Promise<void>((resolve) => this.#answers.push(resolve));
    },
    awake: () => this.awake,
    now: () => this.now,
    wait: async (ms) => new Promise((end) => this.#waits.push({ at: this.now + ms, end })),
  });

  /** An exchange comes. @param ended once the look that it waits for has */
  exchange(gateway: string, wish: Wish, ended: () => void = () => undefined): void {
    this.looks.at(gateway, wish)?.then(ended, () => undefined);
  }

  get waits(): number {
    return this.#waits.length;
  }

  async to(now: number): Promise<void> {
    this.now = now;
    const over = this.#waits.filter(({ at }) => at <= now);
    this.#waits = this.#waits.filter(({ at }) => at > now);
    for (const { end } of over) end();
    await settled();
  }

  async answer(): Promise<void> {
    const answers = this.#answers.splice(0);
    for (const answered of answers) answered();
    await settled();
  }
}

/** All that follows from what was just done: no wait is in it. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

describe("a cell's looks at control", () => {
  it("are one a second for all of its gateways that are awake, however many exchange", async () => {
    const model = new Model();
    model.awake = ["a", "b", "c"];
    for (let at = 0; at < 5_000; at += 10) {
      await model.to(at);
      model.exchange(model.awake[(at / 10) % 3] ?? "", null);
      await model.answer();
    }
    expect(model.looked).toHaveLength(5);
    for (const { gateways } of model.looked) expect(gateways).toEqual(["a", "b", "c"]);
  });

  it("are none where no exchange comes, and nothing waits for one", async () => {
    const model = new Model();
    model.exchange("a", "turned");
    await model.answer();
    await model.to(60_000);
    expect(model.looked).toHaveLength(1);
    expect(model.waits).toBe(0);
    expect(model.looks.isRunning).toBe(false);
  });

  it("come at once where a gateway has nothing, one behind the other for all that came meanwhile", async () => {
    const model = new Model();
    model.exchange("a", "cold");
    for (const name of ["b", "c", "d"]) model.exchange(name, "cold");
    expect(model.looked).toMatchObject([{ gateways: ["a"] }]);
    await model.answer();
    expect(model.looked).toMatchObject([{ gateways: ["a"] }, { gateways: ["b", "c", "d"] }]);
    await model.answer();
    expect(model.looked).toHaveLength(2);
  });

  it("are waited for by who is cold until the one that is for it has ended", async () => {
    const model = new Model();
    model.exchange("a", "cold");
    let ended = false;
    model.exchange("b", "cold", () => {
      ended = true;
    });
    await model.answer();
    expect(ended).toBe(false);
    await model.answer();
    expect(ended).toBe(true);
  });

  it("tell of what turned at once, and after that twice a second at most, for all of it", async () => {
    const model = new Model();
    model.exchange("a", null);
    await model.answer();
    await model.to(100);
    model.exchange("a", "turned");
    await model.answer();
    for (let at = 110; at < 600; at += 10) {
      await model.to(at);
      model.exchange(`gateway-${at}`, "turned");
      await model.answer();
    }
    expect(model.looked.map(({ at }) => at)).toEqual([0, 100]);
    await model.to(620);
    await model.answer();
    expect(model.looked.map(({ at }) => at)).toEqual([0, 100, 620]);
    expect(model.looked[2]?.gateways).toHaveLength(49);
    expect(model.waits).toBe(0);
  });

  it("tell of what turned while one was running", async () => {
    const model = new Model();
    model.exchange("a", null);
    model.exchange("a", "turned");
    await model.answer();
    await model.to(500);
    expect(model.looked.map(({ at }) => at)).toEqual([0, 500]);
  });
});
