/** Istio's AuthorizationPolicy, read as its documentation has it and as plainly as can be: what the engine is compared with. */
export interface Policy {
  readonly name: string;
  readonly namespace: string;
  readonly spec: {
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly action: "ALLOW" | "DENY";
    readonly rules?: readonly Rule[];
  };
}

export interface Rule {
  readonly from?: readonly { readonly source: Fields }[];
  readonly to?: readonly { readonly operation: Fields }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}

type Fields = Readonly<Record<string, readonly string[]>>;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Without the scheme; null: nobody. */
  readonly principal: string | null;
}

/** The workload that is called. */
export interface Called {
  readonly namespace: string;
  readonly rootNamespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function allows(policies: readonly Policy[], asked: Asked, called: Called): boolean {
  const acting = policies.filter((policy) => actsOn(policy, called));
  const holds = (policy: Policy): boolean => (policy.spec.rules ?? []).some((rule) => ruleHolds(rule, asked));
  const allow = acting.filter(({ spec }) => spec.action === "ALLOW");
  if (acting.some((policy) => policy.spec.action === "DENY" && holds(policy))) return false;
  return allow.length === 0 || allow.some(holds);
}

function actsOn({ namespace, spec }: Policy, { namespace: own, rootNamespace, labels }: Called): boolean {
  const wanted = Object.entries(spec.selector?.matchLabels ?? {});
  return (namespace === own || namespace === rootNamespace) && wanted.every(([name, value]) => labels[name] === value);
}

function ruleHolds({ from, to, when }: Rule, asked: Asked): boolean {
  if (from !== undefined && !from.some(({ source }) => fieldsHold(source, asked))) return false;
  if (to !== undefined && !to.some(({ operation }) => fieldsHold(operation, asked))) return false;
  for (const { key, values, notValues } of when ?? []) {
    const value = valueOf(key, asked);
    if (values !== undefined && !matchesOne(values, value)) return false;
    if (notValues !== undefined && matchesOne(notValues, value)) return false;
  }
  return true;
}

/** All fields of a source or an operation; `notX` holds where `X` would not. */
function fieldsHold(fields: Fields, asked: Asked): boolean {
  return Object.entries(fields).every(([field, values]) => {
    const not = field.startsWith("not");
    const name = not ? (field[3] ?? "").toLowerCase() + field.slice(4) : field;
    const held = name === "hosts" ? matchesHost(values, asked.host) : matchesOne(values, valueOf(name, asked));
    return held !== not;
  });
}

function valueOf(key: string, { method, path, headers, principal }: Asked): string | null {
  const [, header] = /^request\.headers\[(.*)\]$/.exec(key) ?? [];
  if (header !== undefined) return headers[header] ?? null;
  switch (key) {
    case "principals":
    case "source.principal":
      return principal;
    case "namespaces":
    case "source.namespace":
      return principal === null ? null : (/\/ns\/([^/]+)\//.exec(principal)?.[1] ?? null);
    case "methods":
      return method;
    case "paths":
      return path;
    default:
      throw new Error(`no value ${key}`);
  }
}

function matchesOne(patterns: readonly string[], value: string | null): boolean {
  return value !== null && patterns.some((pattern) => matches(pattern, value));
}

function matchesHost(patterns: readonly string[], host: string): boolean {
  return patterns.some((pattern) => matches(pattern.toLowerCase(), host.toLowerCase()));
}

function matches(pattern: string, value: string): boolean {
  if (pattern === "*") return value !== "";
  if (pattern.startsWith("*")) return value.endsWith(pattern.slice(1));
  if (pattern.endsWith("*")) return value.startsWith(pattern.slice(0, -1));
  if (!pattern.includes("{*}")) return value === pattern;
  const [parts, segments] = [pattern.split("/"), value.split("/")];
  return (
    parts.length === segments.length &&
    parts.every((part, at) => (part === "{*}" ? segments[at] !== "" : part === segments[at]))
  );
}
