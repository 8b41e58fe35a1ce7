import { type Ip, parseBlock, parseIp } from "./ip.ts";

/** An address made ready for look-ups. */
export interface Address {
  /** Of IPv4; null: it is of IPv6. */
  readonly number: number | null;
  /** Of IPv6: all its bits, as `0` and `1`. */
  readonly bits: string;
}

/** Rules look at the same address one after the other: it is parsed for the first of them. */
let last: { readonly text: string; readonly address: Address | null } = { text: "", address: null };

/** @returns null for what is no address */
export function readAddress(text: string): Address | null {
  if (last.text !== text) {
    const ip = parseIp(text);
    last = { text, address: ip === null ? null : ready(ip) };
  }
  return last.address;
}

function ready(ip: Ip): Address {
  return ip.length === 4 ? { number: numberOf(ip), bits: "" } : { number: null, bits: bitsOf(ip) };
}

function numberOf(ip: Ip): number {
  return ip.reduce((number, byte) => number * 256 + byte, 0);
}

function bitsOf(ip: Ip): string {
  return ip.map((byte) => byte.toString(2).padStart(8, "0")).join("");
}

/** Ranges of one length. */
interface Level<K> {
  readonly bits: number;
  readonly prefixes: Set<K>;
}

/** Addresses and ranges. A look-up costs as much as there are different lengths, however many ranges there are. */
export class AddressSet {
  readonly #v4: readonly Level<number>[];
  readonly #v6: readonly Level<string>[];

  /** @throws where a text is neither an address nor a range: nothing was compiled to that */
  constructor(blocks: readonly string[]) {
    const v4 = new Map<number, Set<number>>();
    const v6 = new Map<number, Set<string>>();
    for (const text of blocks) {
      const block = parseBlock(text);
      if (block === null) throw new Error(`the slice holds an address that is none: ${text}`);
      const { ip, bits } = block;
      if (ip.length === 4) put(v4, bits, leading(numberOf(ip), bits));
      else put(v6, bits, bitsOf(ip).slice(0, bits));
    }
    this.#v4 = levelsOf(v4);
    this.#v6 = levelsOf(v6);
  }

  has({ number, bits: text }: Address): boolean {
    if (number !== null) {
      for (const { bits, prefixes } of this.#v4) if (prefixes.has(leading(number, bits))) return true;
      return false;
    }
    for (const { bits, prefixes } of this.#v6) if (prefixes.has(text.slice(0, bits))) return true;
    return false;
  }
}

/** A shift by 32 is one by 0. */
function leading(number: number, bits: number): number {
  return bits === 0 ? 0 : number >>> (32 - bits);
}

function put<K>(levels: Map<number, Set<K>>, bits: number, prefix: K): void {
  const known = levels.get(bits);
  if (known) known.add(prefix);
  else levels.set(bits, new Set([prefix]));
}

function levelsOf<K>(levels: ReadonlyMap<number, Set<K>>): readonly Level<K>[] {
  return [...levels].map(([bits, prefixes]) => ({ bits, prefixes }));
}
