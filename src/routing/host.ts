import type { Root } from "../snapshot/model.ts";

/** Hosts of one scope, ready to look up. */
interface HostTable {
  readonly exact: ReadonlyMap<string, string | null>;
  /** `.example.com` for `*.example.com`. */
  readonly suffixes: ReadonlyMap<string, string | null>;
  readonly any: string | null | undefined;
}

/**
 * Which slice serves a host in a scope. The most specific host wins: the name itself, then the longest `*.suffix`, then
 * `*`. A namespace's own list goes before what all the mesh sees, and a null in it hides a host.
 */
export class HostIndex {
  readonly #tables = new Map<string, HostTable>();

  constructor(scopes: Root["scopes"]) {
    for (const [scope, hosts] of Object.entries(scopes)) this.#tables.set(scope, tableOf(hosts));
  }

  /**
   * @param host lower case, without port and trailing dot
   * @returns the slice's id; null where nothing serves the host
   */
  lookup(scope: string, host: string): string | null {
    const own = this.#tables.get(scope);
    const mesh = scope.startsWith("mesh/") && scope !== "mesh/*" ? this.#tables.get("mesh/*") : undefined;
    const exact = first(own?.exact.get(host), mesh?.exact.get(host));
    if (exact !== undefined) return exact;
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      if (!own?.suffixes.size && !mesh?.suffixes.size) break;
      const suffix = host.slice(dot);
      const found = first(own?.suffixes.get(suffix), mesh?.suffixes.get(suffix));
      if (found !== undefined) return found;
    }
    return first(own?.any, mesh?.any) ?? null;
  }
}

function first(own: string | null | undefined, mesh: string | null | undefined): string | null | undefined {
  return own === undefined ? mesh : own;
}

function tableOf(hosts: Readonly<Record<string, string | null>>): HostTable {
  const exact = new Map<string, string | null>();
  const suffixes = new Map<string, string | null>();
  let any: string | null | undefined;
  for (const [host, id] of Object.entries(hosts)) {
    if (host === "*") any = id;
    else if (host.startsWith("*.")) suffixes.set(host.slice(1), id);
    else exact.set(host, id);
  }
  return { exact, suffixes, any };
}
