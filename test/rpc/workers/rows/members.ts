import { FAILURE_NAMES } from "../odd-values.ts";
import { shown } from "../shown.ts";
import type { Rows } from "./row.ts";

/** What is there under a name, and what is not. */
export const MEMBER_ROWS: Rows = {
  "a method": async ({ callee }) => callee.add(1, 2),
  "the caller's props are what its user wrote": async ({ callee, ledger }) => [
    await callee.props(),
    await ledger.props(),
    await ledger.tenant(),
  ],
  "fetch of the default entrypoint": async ({ callee }) =>
    (await callee.fetch("http://any.test/p/./q?r=1", { method: "POST", body: "text" })).json(),
  "fetch of another entrypoint": async ({ ledger }) => (await ledger.fetch("http://any.test/")).text(),
  "a getter's text": async ({ callee }) => callee.version,
  "a getter's object": async ({ callee }) => callee.table,
  "a getter that gives nothing": async ({ callee }) => callee.nothing,
  "a getter that throws": async ({ callee }) => callee.broken,
  "a getter's object with methods": async ({ callee }) => {
    using counter = await callee.shared;
    return (await counter.inc(0)) >= 100;
  },
  "a getter's function, read and called": async ({ callee }) => (await callee.doubler)(4),
  "a getter's function, called at once": async ({ callee }) => callee.doubler(4),
  "a member of a getter's object": async ({ callee }) => (callee.table as unknown as { rows: unknown }).rows,
  "a method of a getter's object": async ({ callee }) => callee.shared.inc(0),
  "a method, read and called": async ({ callee }) => {
    const add = await (callee.add as unknown as Promise<(a: number, b: number) => Promise<number>>);
    return add(2, 3);
  },
  "a method, taken off its binding": async ({ callee }) => {
    const { add } = callee;
    return add(2, 3);
  },
  "a field of the object": async ({ callee }) => callee.field,
  "a function in a field of the object": async ({ callee }) => callee.arrow(),
  "a missing method": async ({ callee }) => callee.missing(),
  "a missing member, read": async ({ callee }) => callee.missing,
  "a method that holds on to the context": async ({ callee, happened }) => {
    const answer = await callee.remember("kept");
    return [answer, await happened("after the answer: kept")];
  },
  "two calls at once": async ({ callee }) =>
    Promise.all([callee.late("first"), callee.add(1, 1), callee.late("second")]),
  "a call that nobody awaits": async ({ callee, happened }) => {
    Promise.resolve(callee.remember("unawaited")).catch(() => undefined);
    return happened("after the answer: unawaited");
  },
};

const caught: Rows = Object.fromEntries(
  FAILURE_NAMES.map((name) => [
    `thrown: ${name}`,
    async ({ callee }) => {
      try {
        return { answered: await shown(await callee.fail(name)) };
      } catch (error) {
        return { thrown: await shown(error) };
      }
    },
  ]),
);

export const ERROR_ROWS: Rows = {
  ...caught,
  "thrown after a while": async ({ callee }) => callee.failLater(),
  "a class that cannot be made": async ({ broken }) => broken.add(),
  "thrown by a returned object": async ({ callee }) => callee.counter(5).fail(),
  "good calls after a failed one": async ({ callee }) => {
    await callee.fail("Error").catch(() => undefined);
    return callee.add(1, 2);
  },
  "an error that nobody catches breaks nothing": async ({ callee }) => {
    void Promise.resolve(callee.failLater()).catch(() => undefined);
    return callee.add(3, 4);
  },
};
