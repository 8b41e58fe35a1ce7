/**
 * Istio's choice of a rule, as its reference tells it and as slowly as it can be written: block by block, in order. It shares no
 * code with the gateway, so that both can only agree by being right.
 */

export interface Text {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

export interface Block {
  readonly uri?: Text;
  readonly ignoreUriCase?: boolean;
  readonly scheme?: Text;
  readonly method?: Text;
  readonly authority?: Text;
  readonly headers?: Readonly<Record<string, Text>>;
  readonly withoutHeaders?: Readonly<Record<string, Text>>;
  readonly queryParams?: Readonly<Record<string, Text>>;
  readonly port?: number;
  readonly sourceNamespace?: string;
  readonly sourceLabels?: Readonly<Record<string, string>>;
}

export interface Rule {
  readonly match?: readonly Block[];
}

export interface Asked {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** With its port, if the client sent one. */
  readonly authority: string;
  readonly port: number;
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** Several values are several lines of one name. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly namespace: string;
  /** Of the workload that calls. */
  readonly labels: Readonly<Record<string, string>>;
}

/** In the mesh one VirtualService speaks for a host. @returns the rule's place; null: none */
export function ruleInMesh(rules: readonly Rule[], asked: Asked): number | null {
  for (let at = 0; at < rules.length; at += 1) {
    const blocks = rules[at]?.match ?? [];
    if (blocks.length === 0 || blocks.some((block) => holds(block, asked))) return at;
  }
  return null;
}

/**
 * At a Gateway the rules of all VirtualServices of a host are joined, the oldest first, and what matches every request goes last; a
 * VirtualService says nothing more after that.
 *
 * @returns places of the VirtualService and of its rule, joined by `/`; null: none
 */
export function ruleAtGateway(tables: readonly (readonly Rule[])[], asked: Asked): string | null {
  const first: [string, Block][] = [];
  const last: [string, Block][] = [];
  for (let table = 0; table < tables.length; table += 1) {
    let ended = false;
    const rules = tables[table] ?? [];
    for (let at = 0; at < rules.length; at += 1) {
      const given = rules[at]?.match ?? [];
      for (const block of given.length === 0 ? [{}] : given) {
        if (ended) continue;
        // A block that is for other ports or for callers in the mesh isn't there at all.
        if (block.port !== undefined && block.port !== asked.port) continue;
        if (block.sourceNamespace !== undefined && block.sourceNamespace !== "istio-system") continue;
        if (Object.keys(block.sourceLabels ?? {}).length > 0) continue;
        const { port: _port, sourceNamespace: _source, sourceLabels: _labels, ...here } = block;
        ended = matchesEverything(here);
        (ended ? last : first).push([`${table}/${at}`, here]);
      }
    }
  }
  for (const [name, block] of [...first, ...last]) if (holds(block, asked)) return name;
  return null;
}

function matchesEverything(block: Block): boolean {
  const { uri, ignoreUriCase: _ignored, ...others } = block;
  for (const value of Object.values(others))
    if (typeof value !== "object" || Object.keys(value).length > 0) return false;
  return uri === undefined || uri.prefix === "/" || uri.prefix === "" || uri.regex === ".*";
}

function holds(block: Block, asked: Asked): boolean {
  const { uri, ignoreUriCase = false, scheme, method, authority, port, sourceNamespace } = block;
  if (uri && !isPath(uri, ignoreUriCase, asked.path)) return false;
  if (scheme && !is(scheme, asked.scheme)) return false;
  if (method && !is(method, asked.method)) return false;
  if (authority && !is(authority, asked.authority)) return false;
  if (port !== undefined && port !== asked.port) return false;
  if (sourceNamespace !== undefined && sourceNamespace !== asked.namespace) return false;
  for (const [label, wanted] of Object.entries(block.sourceLabels ?? {}))
    if (asked.labels[label] !== wanted) return false;
  for (const [name, wanted] of Object.entries(block.headers ?? {})) {
    const value = joined(asked, name);
    if (value === null || !(isPresence(wanted) || is(wanted, value))) return false;
  }
  for (const [name, unwanted] of Object.entries(block.withoutHeaders ?? {})) {
    const value = joined(asked, name);
    if (isPresence(unwanted) ? value !== null : is(unwanted, value ?? "")) return false;
  }
  for (const [name, wanted] of Object.entries(block.queryParams ?? {})) {
    const value = parameter(asked.query, name);
    if (value === null || !(isPresence(wanted) || is(wanted, value))) return false;
  }
  return true;
}

function isPath(wanted: Text, ignoreCase: boolean, path: string): boolean {
  if (!ignoreCase || wanted.regex !== undefined) return is(wanted, path);
  const lower: Text =
    wanted.exact === undefined
      ? { prefix: (wanted.prefix ?? "").toLowerCase() }
      : { exact: wanted.exact.toLowerCase() };
  return is(lower, path.toLowerCase());
}

function is({ exact, prefix, regex }: Text, value: string): boolean {
  if (exact !== undefined) return value === exact;
  if (prefix !== undefined) return value.startsWith(prefix);
  return new RegExp(`^(?:${regex ?? ""})$`).test(value);
}

function isPresence({ exact, prefix, regex }: Text): boolean {
  return regex === "*" || (exact === undefined && prefix === undefined && regex === undefined);
}

function joined({ headers, method, path, query, authority, scheme }: Asked, name: string): string | null {
  if (name === ":method") return method;
  if (name === ":path") return query === "" ? path : `${path}?${query}`;
  if (name === ":authority") return authority;
  if (name === ":scheme") return scheme;
  for (const [other, lines] of Object.entries(headers))
    if (other.toLowerCase() === name.toLowerCase()) return lines.join(",");
  return null;
}

function parameter(query: string, name: string): string | null {
  if (query === "") return null;
  for (const pair of query.split("&")) {
    const at = pair.indexOf("=");
    const key = at < 0 ? pair : pair.slice(0, at);
    if (key === name) return at < 0 ? "" : pair.slice(at + 1);
  }
  return null;
}
