import * as fc from "fast-check";
import { isIP } from "node:net";
import { describe, expect, it } from "vitest";
import { formatIp, inRange, parseCidr, parseIp } from "../../src/match/ip.ts";
import { times } from "../support/scale.ts";

describe("parseIp", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::ffff:a00:1", "10.0.0.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ])("reads %s", (text, canonical) => {
    const ip = parseIp(text);
    expect(ip === null ? null : formatIp(ip)).toBe(canonical);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "0x7f.0.0.1",
    "2130706433",
    ":::",
    "1::2::3",
    "12345::",
    "fe80::1%eth0",
    "[::1]",
    "1.2.3.4:80",
    "1:2:3:4:5:6:7:8:9",
  ])("refuses `%s`", (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it("reads what Node reads, and writes IPv6 as URLs do", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.string({ unit: fc.constantFrom(...Array.from("0123456789abf:.")), maxLength: 20 }),
        ),
        (text) => {
          const ip = parseIp(text);
          expect(ip !== null).toBe(isIP(text) !== 0);
          if (ip?.length === 16) expect(`[${formatIp(ip)}]`).toBe(new URL(`http://[${text}]/`).hostname);
          if (isIP(text) === 4 && ip !== null) expect(formatIp(ip)).toBe(text);
        },
      ),
      { numRuns: times(300, 3_000) },
    );
  });
});

describe("ranges", () => {
  it.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.0.0.0", "10.0.0.0/8", false],
    ["10.128.0.0", "10.128.0.0/9", true],
    ["10.127.255.255", "10.128.0.0/9", false],
    ["::ffff:10.0.0.1", "10.0.0.0/8", true],
    ["fd00::1", "fc00::/7", true],
    ["10.0.0.1", "::/0", false],
    ["10.0.0.1", "0.0.0.0/0", true],
  ])("%s in %s: %s", (text, range, inside) => {
    const ip = parseIp(text);
    const cidr = parseCidr(range);
    expect(ip !== null && cidr !== null && inRange(ip, cidr)).toBe(inside);
  });

  it.each(["10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/08x", "::/129"])(
    "refuses `%s`",
    (range) => {
      expect(parseCidr(range)).toBeNull();
    },
  );
});
