/** 4 or 16 bytes; IPv4-mapped IPv6 is folded to IPv4, so that one address has one form. */
export type Ip = readonly number[];

export interface Cidr {
  readonly ip: Ip;
  /** Leading bits that count. */
  readonly bits: number;
}

function parseIpv4(text: string): Ip | null {
  const parts = text.split(".");
  // Octal and short forms (`0177.1`) are read differently by different programs.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.map(Number);
}

function parseGroups(text: string): readonly number[] | null {
  if (text === "") return [];
  const groups = text.split(":");
  const last = groups.at(-1) ?? "";
  const bytes: number[] = [];
  for (const group of last.includes(".") ? groups.slice(0, -1) : groups) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 255);
  }
  if (!last.includes(".")) return bytes;
  const tail = parseIpv4(last);
  return tail === null ? null : [...bytes, ...tail];
}

function parseIpv6(text: string): Ip | null {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return null;
  const front = parseGroups(head);
  const back = tail === undefined ? [] : parseGroups(tail);
  if (front === null || back === null) return null;
  const missing = 16 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  const bytes = [...front, ...Array.from({ length: missing }, () => 0), ...back];
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}

/** Reads an IPv4 address in dotted decimal or an IPv6 address of RFC 4291 section 2.2, without brackets and zone; null for anything else. */
export function parseIp(text: string): Ip | null {
  if (text.length > 45) return null;
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Canonical text: dotted decimal, or RFC 5952. */
export function formatIp(ip: Ip): string {
  if (ip.length === 4) return ip.join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((ip[2 * index] ?? 0) << 8) | (ip[2 * index + 1] ?? 0)).toString(16),
  );
  // The longest run of two or more zero groups, the first of equals.
  const runs = groups.map((_, start) => {
    const end = groups.findIndex((group, index) => index >= start && group !== "0");
    return (end < 0 ? groups.length : end) - start;
  });
  const longest = Math.max(...runs);
  if (longest < 2) return groups.join(":");
  const start = runs.indexOf(longest);
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + longest).join(":")}`;
}

/** Reads `address/bits`; null for anything else, also where bits beyond the prefix are set. */
export function parseCidr(text: string): Cidr | null {
  const [address = "", length = "", ...more] = text.split("/");
  const ip = parseIp(address);
  if (ip === null || more.length > 0 || !/^\d{1,3}$/.test(length)) return null;
  const bits = Number(length);
  if (bits > ip.length * 8) return null;
  const clean = ip.every((byte, index) => (byte & ~mask(bits - index * 8)) === 0);
  return clean ? { ip, bits } : null;
}

/**
 * Reads an address or `address/bits` of a policy. Bits beyond the prefix count for nothing, as in Istio; a range of IPv4-mapped
 * addresses is one of IPv4.
 */
export function parseBlock(text: string): Cidr | null {
  const [address = "", length, ...more] = text.split("/");
  const ip = parseIp(address);
  if (ip === null || more.length > 0) return null;
  const width = ip.length * 8;
  if (length === undefined) return { ip, bits: width };
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return null;
  const isMapped = ip.length === 4 && address.includes(":");
  const bits = Number(length) - (isMapped ? 96 : 0);
  if (bits < 0 || bits > width) return null;
  return { ip: ip.map((byte, index) => byte & mask(bits - index * 8)), bits };
}

/** The leading `bits` of one byte. */
function mask(bits: number): number {
  return bits >= 8 ? 255 : bits <= 0 ? 0 : (255 << (8 - bits)) & 255;
}

function sameLeadingBits(first: Ip, second: Ip, bits: number): boolean {
  return (
    first.length === second.length &&
    first.every((byte, index) => ((byte ^ (second[index] ?? 0)) & mask(bits - index * 8)) === 0)
  );
}

export function inRange(ip: Ip, range: Cidr): boolean {
  return sameLeadingBits(ip, range.ip, range.bits);
}

export function rangesOverlap(first: Cidr, second: Cidr): boolean {
  return sameLeadingBits(first.ip, second.ip, Math.min(first.bits, second.bits));
}
