/**
 * 32 bits of a text that look random: FNV-1a, then the finalizer of MurmurHash3. Envoy's xxHash64 needs 64-bit arithmetic, which
 * costs a Worker twenty times as much, and nobody relies on which endpoint a key falls to: only that it is the same everywhere.
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mixed(hash);
}

/** Another number that tells nothing of the first: every bit of it depends on all bits. */
export function mixed(number: number): number {
  let hash = number | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
