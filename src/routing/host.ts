import type { Root, Scope } from "../snapshot/model.ts";

/** In a scope's list: nothing wider is looked at. No host is named so. */
export const CLOSED = "~";

/** Hosts of one scope, ready to look up. */
interface HostTable {
  readonly exact: ReadonlyMap<string, string | null>;
  /** `.example.com` for `*.example.com`, `-a.example.com` for `*-a.example.com`. */
  readonly suffixes: ReadonlyMap<string, string | null>;
  readonly any: string | null | undefined;
  readonly isClosed: boolean;
}

/**
 * Which slice serves a host in a scope. The most specific host wins: the name itself, then the longest `*suffix`, then
 * `*`. A service account's list goes before that of its namespace, and this before what all the mesh sees; a null in it
 * hides what a wider one lists.
 */
export class HostIndex {
  /** By scope, the narrowest list first. */
  readonly #levels = new Map<Scope, readonly HostTable[]>();
  /** Suffixes that begin within a label: seldom any. */
  readonly #partial: readonly string[];
  /** Scopes of single service accounts; null where the root lists none. */
  readonly accounts: ReadonlySet<Scope> | null;

  constructor(scopes: Root["scopes"]) {
    const tables = new Map(Object.entries(scopes).map(([scope, hosts]) => [scope, tableOf(hosts)] as const));
    for (const scope of tables.keys()) this.#levels.set(scope, levelsOf(tables, scope));
    const suffixes = new Set([...tables.values()].flatMap((table) => [...table.suffixes.keys()]));
    this.#partial = [...suffixes].filter((suffix) => !suffix.startsWith("."));
    const accounts = [...tables.keys()].filter((scope) => scope.split("/").length === 3 && scope.startsWith("mesh/"));
    this.accounts = accounts.length === 0 ? null : new Set(accounts);
  }

  /**
   * @param host lower case, without port and trailing dot
   * @returns the slice's id; null where nothing serves the host
   */
  lookup(scope: Scope, host: string): string | null {
    const levels = this.#levelsFor(scope);
    const exact = first(levels, (table) => table.exact.get(host));
    if (exact !== null) return exact;
    if (this.#partial.length > 0) {
      const found = this.#bySuffix(levels, host);
      if (found !== null) return found;
    } else if (levels.some(({ suffixes }) => suffixes.size > 0)) {
      for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
        const suffix = host.slice(dot);
        const found = first(levels, ({ suffixes }) => suffixes.get(suffix));
        if (found !== null) return found;
      }
    }
    return first(levels, ({ any }) => any);
  }

  /** The longest suffix, whether it begins a label or not. */
  #bySuffix(levels: readonly HostTable[], host: string): string | null {
    const fitting = this.#partial.filter((suffix) => host.length > suffix.length && host.endsWith(suffix));
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) fitting.push(host.slice(dot));
    for (const suffix of fitting.toSorted((a, b) => b.length - a.length)) {
      const found = first(levels, ({ suffixes }) => suffixes.get(suffix));
      if (found !== null) return found;
    }
    return null;
  }

  /** A scope that the root does not list sees what the next wider one does. */
  #levelsFor(scope: Scope): readonly HostTable[] {
    for (let of: Scope | null = scope; of !== null; of = widerScope(of)) {
      const levels = this.#levels.get(of);
      if (levels !== undefined) return levels;
    }
    return NO_LEVELS;
  }
}

const NO_LEVELS: readonly HostTable[] = [];

function levelsOf(tables: ReadonlyMap<Scope, HostTable>, scope: Scope): readonly HostTable[] {
  const levels: HostTable[] = [];
  for (let of: Scope | null = scope; of !== null; of = widerScope(of)) {
    const table = tables.get(of);
    if (table === undefined) continue;
    levels.push(table);
    if (table.isClosed) break;
  }
  return levels;
}

/** `mesh/ns/account`, `mesh/ns`, `mesh/*`. */
export function widerScope(scope: Scope): Scope | null {
  if (!scope.startsWith("mesh/") || scope === "mesh/*") return null;
  const slash = scope.lastIndexOf("/");
  return slash === 4 ? "mesh/*" : scope.slice(0, slash);
}

/** @returns what the narrowest list that names the host says; null where it hides it, or none does */
function first(levels: readonly HostTable[], of: (table: HostTable) => string | null | undefined): string | null {
  for (const table of levels) {
    const found = of(table);
    if (found !== undefined) return found;
  }
  return null;
}

function tableOf(hosts: Readonly<Record<string, string | null>>): HostTable {
  const exact = new Map<string, string | null>();
  const suffixes = new Map<string, string | null>();
  let any: string | null | undefined;
  for (const [host, id] of Object.entries(hosts)) {
    if (host === "*") any = id;
    else if (host.startsWith("*")) suffixes.set(host.slice(1), id);
    else if (host !== CLOSED) exact.set(host, id);
  }
  return { exact, suffixes, any, isClosed: Object.hasOwn(hosts, CLOSED) };
}
