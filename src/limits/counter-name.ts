import { bytesToHex } from "../snapshot/bytes.ts";
import { keyText } from "./key-text.ts";

/** Objects among which the keys of a scope are divided: their number has a bound, whatever clients send (R33). */
const SHARDS = 64;

/** @param name `namespace/policy/limit` @param target which of the policy's targets; empty: they are counted together */
export function counterPrefix(name: string, target = ""): string {
  return `${name}|${target}|`;
}

/** By which the objects that count know a key: what it is made of is written down nowhere. @param counter with its prefix and key */
export async function counterDigest(counter: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(counter))).slice(0, 32);
}

/** How a key's count is called where it is stored and shown. */
export function storedName(prefix: string, digest: string): string {
  return `${prefix}#${digest}`;
}

/** The same, of the key's parts. */
export async function storedNameOf(name: string, target: string, key: readonly string[]): Promise<string> {
  const prefix = counterPrefix(name, target);
  return storedName(prefix, await counterDigest(`${prefix}${keyText(key)}`));
}

export function shardOf(digest: string): number {
  return Number.parseInt(digest.slice(0, 4), 16) % SHARDS;
}

/** @param stored as `storedName` @param object as the limiters are called @returns whether that object may hold it: one of all further keys may be in each */
export function mayHold(object: string, stored: string): boolean {
  const digest = stored.slice(stored.lastIndexOf("#") + 1);
  return stored.endsWith("|+") || object.endsWith(`/${shardOf(digest)}`);
}

/** The parts of a stored name; null: it is none. */
export function readStored(stored: string): {
  readonly namespace: string;
  readonly policy: string;
  readonly limit: string;
  readonly target: string;
  /** `others`: all keys for which there was no room. */
  readonly key: string;
} | null {
  const [, namespace, policy, limit, target, key] =
    /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})\/([a-z0-9-]{1,63})\|([^|]{0,1000})\|(\+|#[0-9a-f]{32})$/.exec(stored) ??
    [];
  if (namespace === undefined || policy === undefined || limit === undefined || key === undefined) return null;
  return { namespace, policy, limit, target: target ?? "", key: key === "+" ? "others" : key.slice(1) };
}
