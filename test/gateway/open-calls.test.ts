import { describe, expect, it } from "vitest";
import { OpenCalls } from "../../workers/gateway/open-calls.ts";

const SECOND = 1_000;
const START = 1_795_521_600_000;

function open() {
  const calls = new OpenCalls();
  const ended: string[] = [];
  const lease = (name: string) => ({ end: (how: string) => void ended.push(`${name} ${how}`) });
  return { calls, ended, lease };
}

describe("calls that nobody tells the end of", () => {
  it("are ended by whoever looks next after their time, once", () => {
    const { calls, ended, lease } = open();
    calls.expect(lease("lost"), START + 5 * SECOND);
    calls.expect(lease("young"), START + 60 * SECOND);
    calls.look(START + 4 * SECOND);
    expect(ended).toEqual([]);
    calls.look(START + 5 * SECOND);
    calls.look(START + 10 * SECOND);
    expect(ended).toEqual(["lost DC"]);
  });

  it("are left alone once they have ended", () => {
    const { calls, ended, lease } = open();
    const answered = lease("answered");
    calls.expect(answered, START);
    calls.ended(answered);
    calls.look(START + SECOND);
    expect(ended).toEqual([]);
  });

  it("have the time that was said last", () => {
    const { calls, ended, lease } = open();
    const call = lease("call");
    calls.expect(call, START + 900 * SECOND);
    calls.expect(call, START + SECOND);
    calls.look(START + 2 * SECOND);
    expect(ended).toEqual(["call DC"]);
  });

  it("are looked at once a second, however many come by", () => {
    const { calls, ended, lease } = open();
    calls.look(START);
    calls.expect(lease("call"), START + 1);
    calls.look(START + SECOND - 1);
    expect(ended).toEqual([]);
    calls.look(START + SECOND);
    expect(ended).toEqual(["call DC"]);
  });
});
