import { describe, expect, it } from "vitest";
import { parseObject } from "../../src/kinds/parse.ts";

function errorsOf(spec: object): readonly string[] {
  const parsed = parseObject(
    { apiVersion: "tulle.dev/v1alpha1", kind: "APIKeyPolicy", metadata: { name: "p", namespace: "shop" }, spec },
    { local: false },
  );
  return parsed.findings
    .filter(({ severity }) => severity === "error")
    .map(({ field, message }) => `${field}: ${message}`);
}

describe("APIKeyPolicy", () => {
  it.each([
    {},
    { header: "X-Partner-Key" },
    { presence: "Optional", selector: { matchLabels: { app: "a" } } },
    { targetRefs: [{ kind: "Service", name: "orders" }] },
  ])("takes %j", (spec) => expect(errorsOf(spec)).toEqual([]));

  it.each([
    [{ header: "Authorization" }, "holds other credentials"],
    [{ header: "cookie" }, "holds other credentials"],
    [{ header: "Host" }, "the gateway reads or writes it itself"],
    [{ header: "x-forwarded-for" }, "the gateway reads or writes it itself"],
    [{ header: "content-type" }, "says what the message is"],
    [{ header: "a b" }, "must be a header name"],
    [{ presence: "REQUIRED" }, "must be one of `Required`, `Optional`"],
    [{ targetRefs: [{ kind: "Gateway", name: "a" }] }, "a target is a `Service`"],
    [{ headers: "x" }, "headers"],
  ])("refuses %j, and says why", (spec, why) => expect(errorsOf(spec).join("\n")).toContain(why));
});
