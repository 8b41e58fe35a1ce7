import * as fc from "fast-check";
import { BlockList } from "node:net";
import { describe, expect, it } from "vitest";
import { AddressSet, readAddress } from "../../src/match/address-set.ts";
import { times } from "../support/scale.ts";

function has(blocks: readonly string[], text: string): boolean {
  const address = readAddress(text);
  return address !== null && new AddressSet(blocks).has(address);
}

describe("AddressSet", () => {
  it.each([
    { blocks: ["1.2.3.4"], address: "1.2.3.4", holds: true },
    { blocks: ["1.2.3.4"], address: "1.2.3.5", holds: false },
    { blocks: ["10.0.0.0/8"], address: "10.255.0.1", holds: true },
    { blocks: ["10.0.0.0/8"], address: "11.0.0.0", holds: false },
    { blocks: ["10.1.2.3/8"], address: "10.9.9.9", holds: true },
    { blocks: ["0.0.0.0/0"], address: "255.255.255.255", holds: true },
    { blocks: ["0.0.0.0/0"], address: "::1", holds: false },
    { blocks: ["::/0"], address: "1.2.3.4", holds: false },
    { blocks: ["128.0.0.0/1"], address: "200.0.0.1", holds: true },
    { blocks: ["10.0.0.0/8"], address: "::ffff:10.1.2.3", holds: true },
    { blocks: ["10.0.0.0/8"], address: "::ffff:a01:203", holds: true },
    { blocks: ["::ffff:10.0.0.0/104"], address: "10.1.2.3", holds: true },
    { blocks: ["2001:db8::/32"], address: "2001:DB8:1::1", holds: true },
    { blocks: ["2001:db8::/33"], address: "2001:db8:8000::1", holds: false },
    { blocks: ["10.0.0.0/8"], address: "10.1.2.999", holds: false },
    { blocks: ["10.0.0.0/8"], address: "10.1", holds: false },
    { blocks: ["10.0.0.0/8"], address: "", holds: false },
  ])("$blocks and `$address`: $holds", ({ blocks, address, holds }) => {
    expect(has(blocks, address)).toBe(holds);
  });

  it("holds what Node's own list holds", () => {
    const near = fc
      .tuple(fc.constantFrom(10, 11, 192), fc.nat(3), fc.nat(255), fc.nat(255))
      .map((parts) => parts.join("."));
    const far = fc
      .tuple(fc.constantFrom("2001:db8", "fe80"), fc.nat(3))
      .map(([head, tail]) => `${head}::${tail.toString(16)}`);
    const block = fc.oneof(fc.tuple(near, fc.nat(32)), fc.tuple(far, fc.nat(128)));
    fc.assert(
      fc.property(fc.array(block, { maxLength: 8 }), fc.oneof(near, far, fc.ipV4(), fc.ipV6()), (blocks, text) => {
        // Node's lists take IPv4 for a part of IPv6.
        const family = readAddress(text)?.number === null ? "ipv6" : "ipv4";
        fc.pre((family === "ipv6") === text.includes(":"));
        const list = new BlockList();
        for (const [ip, bits] of blocks) if (ip.includes(":") === (family === "ipv6")) list.addSubnet(ip, bits, family);
        expect(
          has(
            blocks.map((parts) => parts.join("/")),
            text,
          ),
        ).toBe(list.check(text, family));
      }),
      { numRuns: times(500, 5_000) },
    );
  });
});
