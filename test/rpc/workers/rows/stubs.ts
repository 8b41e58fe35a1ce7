import { RpcTarget } from "cloudflare:workers";
import type { Callback, CounterStub } from "../api.ts";
import { shown } from "../shown.ts";
import type { Kit, Rows } from "./row.ts";

const CALLS = 1_000;

/** The caller's own object, for the callee to call. */
class Purse extends RpcTarget {
  #coins = 0;
  readonly #tell: (event: string) => void;

  constructor(tell: (event: string) => void) {
    super();
    this.#tell = tell;
  }

  inc(by: number): number {
    this.#coins += by;
    return this.#coins;
  }

  get value(): number {
    return this.#coins;
  }

  other(): Purse {
    return new Purse(this.#tell);
  }

  [Symbol.dispose](): void {
    this.#tell("purse disposed");
  }
}

/** Waits until anything is told. */
async function heard(told: readonly string[]): Promise<void> {
  for (let look = 0; look < 2_000 && told.length === 0; look += 1) await scheduler.wait(5);
}

function disposable(tell: Kit["tell"]): (value: unknown) => unknown {
  return Object.assign((value: unknown) => value, { [Symbol.dispose]: () => tell("callback disposed") });
}

export const CALLBACK_ROWS: Rows = {
  "a callback, once": async ({ callee }) => callee.callBack((value: unknown) => [value, "answered"]),
  "a callback, a hundred times": async ({ callee }) => callee.callBack((value: number) => value * 2, 100),
  "an async callback": async ({ callee }) =>
    callee.callBack(async (value: number) => scheduler.wait(1).then(() => value + 1)),
  "a callback in an object": async ({ callee }) => {
    const box = (await callee.echo({ call: (value: number) => value + 1 })) as { call(value: number): unknown };
    return box.call(1);
  },
  "a callback that throws": async ({ callee }) =>
    callee.caught(() => {
      throw Object.assign(new TypeError("the caller's"), { code: 9 });
    }),
  "a callback that gives a function": async ({ callee }) => {
    const answers = (await callee.callBack(() => (value: number) => value + 5)) as Callback[];
    return answers[0]?.(1);
  },
  "a callback that is given a callback": async ({ callee }) =>
    callee.backAndForth(async (answer: Callback) => answer("a word")),
  "a callback that calls the callee": async ({ callee }) =>
    callee.callBack(async (value: number) => callee.add(value, 10)),
  "a callback kept by dup, called afterwards": async ({ callee, tell, told }) => {
    const keeper = await callee.keep((value: unknown) => (tell(`called with ${String(value)}`), "kept"), "dup");
    return [await keeper.call(1), await keeper.call(2), told];
  },
  "a callback kept without dup": async ({ callee }) => {
    const keeper = await callee.keep((value: unknown) => value, "as it is");
    return keeper.call(1);
  },
  "a callback is disposed when the call is over": async ({ callee, tell, told }) => {
    await callee.callBack(disposable(tell));
    await heard(told);
    return told;
  },
  "a callback kept by dup is disposed when it is let go": async ({ callee, tell, told }) => {
    const keeper = await callee.keep(disposable(tell), "dup");
    await keeper.call(1);
    const before = [...told];
    await keeper.letGo();
    await heard(told);
    return [before, told];
  },
  "an object with methods": async ({ callee, tell }) => callee.useTarget(new Purse(tell)),
  "an object with methods is disposed when the call is over": async ({ callee, tell, told }) => {
    await callee.useTarget(new Purse(tell));
    await heard(told);
    return told;
  },
};

async function chained(callee: Kit["callee"], calls: number): Promise<number> {
  let stub: CounterStub = callee.counter(0);
  for (let call = 0; call < calls; call += 1) stub = stub.same();
  return stub.inc(7);
}

export const STUB_ROWS: Rows = {
  "an object with methods": async ({ callee }) => {
    using counter = await callee.counter(1);
    return [await counter.inc(), await counter.inc(5), await counter.value];
  },
  "its private field and its own field": async ({ callee }) => {
    using counter = await callee.counter(1);
    return shown(await (counter as unknown as { secret: unknown }).secret);
  },
  "a missing method of it": async ({ callee }) => {
    using counter = await callee.counter(1);
    return (counter as unknown as { missing(): unknown }).missing();
  },
  "called before it is there": async ({ callee }) => callee.counter(1).inc(2),
  "a member read before it is there": async ({ callee }) => callee.counter(4).value,
  "objects of objects, before they are there": async ({ callee }) => callee.counter(1).other().other().inc(3),
  "members of a plain answer, before it is there": async ({ callee }) => {
    const box = callee.box();
    const { name, deep } = box as unknown as {
      name: Promise<unknown>;
      deep: { list: Promise<unknown>; counter: CounterStub };
    };
    return [await name, await box.counter.inc(1), await deep.list, await deep.counter.inc(2), await box.double(21)];
  },
  "a plain answer with objects and functions": async ({ callee }) => {
    using box = await callee.box();
    return [await shown(box), await box.counter.inc(), await box.double(4), await box.deep.counter.inc()];
  },
  "a function": async ({ callee }) => {
    const times = await callee.func(6);
    return times(7);
  },
  "a function, called before it is there": async ({ callee }) =>
    (callee.func(6) as unknown as (value: number) => Promise<number>)(8),
  "a promise of an answer as an argument": async ({ callee }) => callee.echo(callee.add(1, 2)),
  "a stub that comes back": async ({ callee }) => {
    using counter = await callee.counter(1);
    return callee.isMine(counter);
  },
  "a stub sent before it is there": async ({ callee }) => callee.isMine(callee.counter(1)),
  "a stub that the caller hands to a third Worker": async ({ callee, third }) => {
    using counter = await callee.counter(40);
    return [await third.inc(counter, 2), await counter.value];
  },
  "a stub that the callee hands to a third Worker": async ({ callee }) => {
    using counter = await callee.counter(50);
    return [await callee.handOn(counter, 2), await counter.value];
  },
  "the caller's object, handed to a third Worker": async ({ callee, tell }) => callee.handOn(new Purse(tell), 3),
  "a stub of a third Worker's as an argument": async ({ callee, third }) => {
    using counter = await third.counter();
    return callee.useTarget(counter);
  },
  "a stub of a third Worker's as an answer": async ({ callee }) => {
    using counter = (await callee.viaThird()) as CounterStub;
    return counter.inc(1);
  },
  "a stub of a Durable Object as an answer": async ({ callee }) => {
    const memory = await callee.memory();
    return [await memory.inc(), await memory.inc()];
  },
  "a thousand calls at once": async ({ callee }) => {
    const sums = await Promise.all(Array.from({ length: CALLS }, async (_, index) => callee.add(index, 1)));
    return sums.reduce((sum, each) => sum + each, 0);
  },
  "a thousand calls of one object, before it is there": async ({ callee }) => {
    const counter = callee.counter(0);
    const counts = await Promise.all(Array.from({ length: CALLS }, async () => counter.inc(1)));
    return [counts.length, counts.at(-1), counts.every((count, index) => count === index + 1)];
  },
  "a chain of two hundred calls, before any is answered": async ({ callee }) => chained(callee, 200),
  "calls keep their order": async ({ callee }) => {
    using counter = await callee.counter(0);
    const counts = await Promise.all(Array.from({ length: 50 }, async (_, index) => counter.inc(index)));
    return counts;
  },
  "an object is disposed by `using`": async ({ callee, happened }) => {
    {
      using counter = await callee.counter(3);
      await counter.inc();
    }
    return happened("counter at 4 disposed");
  },
  "an object is not disposed while a dup of it lives": async ({ callee, watch, happened }) => {
    const counter = await callee.counter(3);
    const second = counter.dup();
    counter[Symbol.dispose]();
    const counted = await second.inc();
    const before = await watch.events();
    second[Symbol.dispose]();
    return [counted, before, await happened("counter at 4 disposed")];
  },
  "a disposed object": async ({ callee }) => {
    const counter = await callee.counter(3);
    counter[Symbol.dispose]();
    return counter.inc();
  },
  "objects within an answer are disposed with it": async ({ callee, happened }) => {
    const box = await callee.box();
    box[Symbol.dispose]();
    await happened("counter at 10 disposed");
    return (await happened("counter at 20 disposed")).toSorted();
  },
  "an object that was called before it was there is disposed with the promise": async ({ callee, happened }) => {
    {
      using counter = callee.counter(8);
      await counter.inc();
    }
    return happened("counter at 9 disposed");
  },
  "an answer that nobody looks at": async ({ callee }) => {
    callee.counter(1)[Symbol.dispose]();
    return callee.add(1, 2);
  },
};
