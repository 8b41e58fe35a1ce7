import { describe, expect, it } from "vitest";
import { clientBehind } from "../../src/request/trusted-proxies.ts";

describe("the client behind trusted proxies", () => {
  it.each([
    ["56.5.6.7, 72.9.5.6, 98.1.2.3", 1, "98.1.2.3"],
    ["56.5.6.7, 72.9.5.6, 98.1.2.3", 2, "72.9.5.6"],
    ["56.5.6.7,72.9.5.6,98.1.2.3", 3, "56.5.6.7"],
    ["2001:db8::1, 10.0.0.1", 2, "2001:db8::1"],
    ["56.5.6.7", 2, null],
    ["", 1, null],
    [null, 1, null],
    ["unknown, 10.0.0.1", 2, null],
    ["1.2.3.4:80, 10.0.0.1", 1, "10.0.0.1"],
    ["1.2.3.4, ", 1, null],
  ])("of %s with %s is %s", (forwarded, proxies, client) => {
    expect(clientBehind(forwarded, proxies)).toBe(client);
  });
});
