/** What of the runtime a sample fell into, the first that fits: by the object that holds the code, and by the function's name. */
const PARTS: readonly (readonly [part: string, object: RegExp | null, name: RegExp])[] = [
  ["JavaScript, compiled", /^\[JIT\]/, /./],
  ["kernel", /^\[/, /./],
  ["JavaScript's built-ins", null, /^Builtins_/],
  [
    "garbage collection",
    null,
    /cppgc|heap::base|Scaveng|MarkCompact|Marking|Sweep|Evacuat|TracedHandles|EmbedderRoots|GCTracer|\bv8::internal::Heap::|GlobalHandles::(?:Iterate|Update|Process)/,
  ],
  ["compiling JavaScript", null, /v8::internal::(?:compiler|maglev|baseline|interpreter)|Compiler|Deoptimiz/],
  ["V8 besides", null, /\bv8::/],
  ["memory", null, /tcmalloc|malloc|operator (?:new|delete)|^cfree|^__rdl_(?:de)?alloc/i],
  ["storage of Durable Objects", null, /sqlite|^walChecksum/],
  [
    "HTTP",
    null,
    /hyper|tokio|<http::|\bhttp::|HttpHeader|HttpService|HttpClient|HttpServer|^<?(?:bytes|futures|mio)\b/,
  ],
  ["workerd's own API", null, /\bworkerd::/],
  ["event loop and texts", null, /\bkj::|capnp/],
];
const BESIDES = "besides";

/** @param object file of the code, as perf calls it @param name of the function */
export function partOf(object: string, name: string): string {
  return PARTS.find(([, of, pattern]) => (of === null || of.test(object)) && pattern.test(name))?.[0] ?? BESIDES;
}

export interface Sampled {
  readonly share: number;
  readonly object: string;
  readonly name: string;
}

/** Reads what `perf report --stdio -s dso,symbol` prints. @returns shares of 1 */
export function readReport(text: string): readonly Sampled[] {
  const lines = text.matchAll(/^ +([\d.]+)% +(\[JIT\] tid \d+|\S+) +\[.\] (.+?)(?: {2,}.*)?$/gm);
  return [...lines].map(([, share = "", object = "", name = ""]) => ({ share: Number(share) / 100, object, name }));
}

/** @returns share of each part, the largest first */
export function sharesOfParts(sampled: readonly Sampled[]): readonly (readonly [part: string, share: number])[] {
  const shares = new Map<string, number>();
  for (const { share, object, name } of sampled) {
    const part = partOf(object, name);
    shares.set(part, (shares.get(part) ?? 0) + share);
  }
  return [...shares].toSorted(([, a], [, b]) => b - a);
}
