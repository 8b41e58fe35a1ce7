/** Names, and `*` and the end of names, ready to be asked whether a host is among them. */
export class HostSet {
  readonly #exact: ReadonlySet<string>;
  /** `.example.com` for `*.example.com`. */
  readonly #suffixes: ReadonlySet<string>;
  /** Those that begin within a label. */
  readonly #partial: readonly string[];

  /** @param patterns lower case */
  constructor(patterns: readonly string[]) {
    this.#exact = new Set(patterns.filter((pattern) => !pattern.startsWith("*")));
    this.#suffixes = new Set(patterns.filter((pattern) => pattern.startsWith("*.")).map((pattern) => pattern.slice(1)));
    this.#partial = patterns.filter((pattern) => /^\*[^.]/.test(pattern)).map((pattern) => pattern.slice(1));
  }

  /** @param host lower case, without port and trailing dot */
  has(host: string): boolean {
    if (this.#exact.has(host)) return true;
    for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1))
      if (this.#suffixes.has(host.slice(dot))) return true;
    return this.#partial.some((suffix) => host.length > suffix.length && host.endsWith(suffix));
  }
}
