import { describe, expect, it } from "vitest";
import { isOfApplication } from "../../workers/gateway/rpc-values.ts";

const withFields = (error: Error, fields: object): Error => Object.assign(error, fields);

describe("an error of a call of Workers RPC", () => {
  it.each([
    { what: "what the runtime marks as remote", error: withFields(new Error("no"), { remote: true }) },
    {
      what: "a Durable Object that was reset",
      error: withFields(new Error("broken"), { remote: true, durableObjectReset: true }),
    },
    {
      what: "a failed fetch of the service's own",
      error: withFields(new Error("lost"), { remote: true, retryable: true }),
    },
    { what: "what is no error at all", error: { remote: true, a: 1 } },
    { what: "nothing", error: null },
    { what: "a value that cannot be sent", error: withFields(new Error("x"), { name: "DataCloneError" }) },
    {
      what: "a value that is too large",
      error: new Error(
        "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: 1",
      ),
    },
    { what: "a value that is nested too deep", error: new RangeError("Maximum call stack size exceeded") },
    { what: "a stub that was let go of", error: new Error("RPC stub used after being disposed.") },
  ])("is the application's: $what", ({ error }) => {
    expect(isOfApplication(error)).toBe(true);
  });

  it.each([
    new Error("Network connection lost."),
    withFields(new Error("Network connection lost."), { retryable: true }),
    withFields(new Error("hung"), { remote: false }),
    withFields(new Error("x"), { overloaded: true }),
  ])("is of what lies between, where the service did not throw it: %s", (error) => {
    expect(isOfApplication(error)).toBe(false);
  });
});
