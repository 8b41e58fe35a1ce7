/**
 * What Istio's documents say of security policies, read off the documents themselves, one rule after the other, without any of the
 * code that is tested: slow and plain.
 */

export interface NaivePolicy {
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly action?: "ALLOW" | "DENY" | "AUDIT";
  readonly dryRun?: boolean;
  readonly rules?: readonly NaiveRule[];
}

export interface NaiveRule {
  readonly from?: readonly { readonly source: Fields }[];
  readonly to?: readonly { readonly operation: Fields }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}

type Fields = Readonly<Record<string, readonly string[]>>;

export interface NaivePeers {
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly mode?: "UNSET" | "DISABLE" | "PERMISSIVE" | "STRICT";
  readonly ports?: Readonly<Record<string, "UNSET" | "DISABLE" | "PERMISSIVE" | "STRICT">>;
}

export interface NaiveMesh {
  readonly rootNamespace: string;
  readonly domains: readonly string[];
  readonly policies: readonly NaivePolicy[];
  /** The oldest first. */
  readonly peers: readonly NaivePeers[];
}

export interface NaiveWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number;
}

export interface NaiveToken {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly presenter: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface NaiveRequest {
  /** `domain/ns/namespace/sa/account`; null: nobody. */
  readonly principal: string | null;
  readonly token: NaiveToken | null;
  /** Over a binding nobody has an address; elsewhere one that is null could not be read. */
  readonly entrance: "public" | "mesh";
  readonly sourceIp: string | null;
  readonly remoteIp: string | null;
  readonly host: string;
  readonly authority: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type NaiveVerdict = "mtls" | "denied" | "no-allow" | "allowed";

export function naiveVerdict(mesh: NaiveMesh, to: NaiveWorkload, request: NaiveRequest): NaiveVerdict {
  if (modeOf(mesh, to) === "STRICT" && request.principal === null) return "mtls";
  const selecting = mesh.policies.filter(
    ({ namespace, selector = {}, dryRun }) =>
      dryRun !== true && [mesh.rootNamespace, to.namespace].includes(namespace) && fits(selector, to.labels),
  );
  const matches = (policy: NaivePolicy): boolean =>
    (policy.rules ?? []).some((rule) => new Reading(mesh, policy, to, request).rule(rule));
  if (selecting.some((policy) => policy.action === "DENY" && matches(policy))) return "denied";
  const allows = selecting.filter(({ action }) => (action ?? "ALLOW") === "ALLOW");
  if (allows.length === 0) return "allowed";
  return allows.some(matches) ? "allowed" : "no-allow";
}

function fits(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function modeOf({ rootNamespace, peers }: NaiveMesh, { namespace, labels, port }: NaiveWorkload): string {
  let mode = "PERMISSIVE";
  const set = (next: string | undefined): void => {
    if (next !== undefined && next !== "UNSET") mode = next;
  };
  const whole = ({ selector }: NaivePeers): boolean => selector === undefined || Object.keys(selector).length === 0;
  set(peers.find((one) => one.namespace === rootNamespace && whole(one))?.mode);
  if (namespace !== rootNamespace) set(peers.find((one) => one.namespace === namespace && whole(one))?.mode);
  // In the root namespace one with a selector is ignored.
  const own = peers.find(
    (one) =>
      one.namespace === namespace && namespace !== rootNamespace && !whole(one) && fits(one.selector ?? {}, labels),
  );
  set(own?.mode);
  set(own?.ports?.[String(port)]);
  return mode;
}

/** One policy's reading of one request. */
class Reading {
  readonly #mesh: NaiveMesh;
  readonly #policy: NaivePolicy;
  readonly #to: NaiveWorkload;
  readonly #request: NaiveRequest;
  readonly #deny: boolean;

  constructor(mesh: NaiveMesh, policy: NaivePolicy, to: NaiveWorkload, request: NaiveRequest) {
    this.#mesh = mesh;
    this.#policy = policy;
    this.#to = to;
    this.#request = request;
    this.#deny = policy.action === "DENY";
  }

  rule({ from, to, when }: NaiveRule): boolean {
    if (from !== undefined && from.length > 0 && !from.some(({ source }) => this.#all(source))) return false;
    if (to !== undefined && to.length > 0 && !to.some(({ operation }) => this.#all(operation))) return false;
    return (when ?? []).every((condition) => this.#condition(condition));
  }

  #all(fields: Fields): boolean {
    return Object.entries(fields).every(([name, values]) => this.#field(name, values));
  }

  #field(name: string, values: readonly string[]): boolean {
    const negated = /^not([A-Z].*)$/.exec(name)?.[1];
    const positive = negated === undefined ? name : `${negated.charAt(0).toLowerCase()}${negated.slice(1)}`;
    const { sourceIp, remoteIp, entrance } = this.#request;
    const address = positive === "ipBlocks" ? sourceIp : positive === "remoteIpBlocks" ? remoteIp : "";
    // An address that cannot be read matches no ALLOW and every DENY, whichever way it is asked (R11); none at all is in no block.
    if (address === null) return this.#deny && (entrance === "public" || negated !== undefined);
    const holds = values.some((value) => this.#value(positive, value));
    return negated === undefined ? holds : !holds;
  }

  #value(name: string, value: string): boolean {
    const { token, sourceIp, remoteIp, host, authority, method, path } = this.#request;
    switch (name) {
      case "principals":
        return this.#principals().some((one) => text(value, one));
      case "requestPrincipals":
        return token !== null && requestPrincipal(value, token);
      case "namespaces": {
        const namespace = this.#identity()?.namespace;
        return namespace !== undefined && glob(value, namespace);
      }
      case "serviceAccounts": {
        const who = this.#identity();
        const wanted = value.includes("/") ? value : `${this.#policy.namespace}/${value}`;
        return who !== null && `${who.namespace}/${who.account}` === wanted;
      }
      case "trustDomains":
        return this.#domains().some((domain) => text(value, domain));
      case "ipBlocks":
        return sourceIp !== null && inBlock(value, sourceIp);
      case "remoteIpBlocks":
        return remoteIp !== null && inBlock(value, remoteIp);
      case "hosts":
        return [host, authority].some((one) => value === "*" || text(value.toLowerCase(), one.toLowerCase()));
      case "methods":
        return text(value, method);
      case "paths":
        return value.includes("{") ? template(value, path) : text(value, path);
      case "ports":
        return Number(value) === this.#to.port;
      default:
        throw new Error(`the naive reading knows no ${name}`);
    }
  }

  #condition({
    key,
    values,
    notValues,
  }: {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }): boolean {
    const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
    if (header !== undefined) return this.#header(header.toLowerCase(), values, notValues);
    const field = FIELD_OF[key];
    if (field !== undefined) {
      const named = [
        ...(values === undefined ? [] : [[field, values] as const]),
        ...(notValues === undefined
          ? []
          : [[`not${field.charAt(0).toUpperCase()}${field.slice(1)}`, notValues] as const]),
      ];
      return named.every(([name, list]) => this.#field(name, list));
    }
    const found = this.#found(key);
    const matches = (list: readonly string[]): boolean => found.some((one) => list.some((value) => text(value, one)));
    return (values === undefined || matches(values)) && (notValues === undefined || !matches(notValues));
  }

  #found(key: string): readonly string[] {
    const { token } = this.#request;
    if (token === null) return [];
    if (key === "request.auth.audiences") return token.audiences;
    if (key === "request.auth.presenter") return token.presenter === null ? [] : [token.presenter];
    const path = [...key.matchAll(/\[([^\]]+)\]/g)].map(([, part = ""]) => part);
    if (!key.startsWith("request.auth.claims[")) throw new Error(`the naive reading knows no ${key}`);
    let claim: unknown = token.claims;
    for (const part of path)
      claim = typeof claim === "object" && claim !== null ? (claim as Record<string, unknown>)[part] : null;
    if (typeof claim === "string") return path.length === 1 && path[0] === "scope" ? claim.split(" ") : [claim];
    return Array.isArray(claim) ? claim.filter((one) => typeof one === "string") : [];
  }

  /** A header is a list of values (R6): what is unsure denies. */
  #header(name: string, values: readonly string[] | undefined, notValues: readonly string[] | undefined): boolean {
    const whole = this.#request.headers[name];
    const members =
      whole === undefined
        ? []
        : whole
            .split(",")
            .map((part) => part.trim())
            .filter((part) => part !== "");
    const matches = (list: readonly string[], one: string): boolean => list.some((value) => text(value, one));
    const any = (list: readonly string[]): boolean =>
      whole !== undefined && (members.some((one) => matches(list, one)) || matches(withComma(list), whole));
    const every = (list: readonly string[]): boolean =>
      whole !== undefined &&
      ((members.length > 0 && members.every((one) => matches(list, one))) || matches(withComma(list), whole));
    if (values !== undefined && !(this.#deny ? any(values) : every(values))) return false;
    return notValues === undefined || !(this.#deny ? every(notValues) : any(notValues));
  }

  #identity(): { readonly domain: string; readonly namespace: string; readonly account: string } | null {
    const [domain = "", , namespace = "", , account = ""] = this.#request.principal?.split("/") ?? [];
    return this.#request.principal === null ? null : { domain, namespace, account };
  }

  /** The mesh's own domain and its aliases are one. */
  #domains(): readonly string[] {
    const domain = this.#identity()?.domain;
    if (domain === undefined) return [];
    return this.#mesh.domains.includes(domain) ? this.#mesh.domains : [domain];
  }

  #principals(): readonly string[] {
    const who = this.#identity();
    return who === null ? [] : this.#domains().map((domain) => `${domain}/ns/${who.namespace}/sa/${who.account}`);
  }
}

const FIELD_OF: Readonly<Record<string, string>> = {
  "source.ip": "ipBlocks",
  "remote.ip": "remoteIpBlocks",
  "source.namespace": "namespaces",
  "source.principal": "principals",
  "source.serviceAccount": "serviceAccounts",
  "source.trustDomain": "trustDomains",
  "request.auth.principal": "requestPrincipals",
  "destination.port": "ports",
};

function withComma(list: readonly string[]): readonly string[] {
  return list.filter((value) => value.includes(","));
}

/** Exact, `abc*`, `*abc`, or `*`: there and not empty. */
function text(value: string, actual: string): boolean {
  if (value === "*") return actual !== "";
  if (value.startsWith("*")) return actual.endsWith(value.slice(1));
  return value.endsWith("*") ? actual.startsWith(value.slice(0, -1)) : actual === value;
}

/** Any `*` stands for any text. */
function glob(value: string, actual: string): boolean {
  if (value === "") return actual === "";
  if (value.startsWith("*")) return [...tails(actual), ""].some((tail) => glob(value.slice(1), tail));
  return actual !== "" && value.charAt(0) === actual.charAt(0) && glob(value.slice(1), actual.slice(1));
}

/** Split at the last `/`; without one a `*` at an end says which of the two is meant. */
function requestPrincipal(value: string, { issuer, subject }: NaiveToken): boolean {
  if (value === "*") return issuer !== "" && subject !== "";
  const slash = value.lastIndexOf("/");
  if (slash >= 0) return text(value.slice(0, slash), issuer) && text(value.slice(slash + 1), subject);
  if (value.startsWith("*")) return issuer !== "" && text(value, subject);
  return value.endsWith("*") && text(value, issuer) && subject !== "";
}

/** `{*}` is one segment that is not empty, `{**}` any text after the slash before it. */
function template(value: string, path: string): boolean {
  const [segment = "", ...more] = value.split("/").slice(1);
  if (!path.startsWith("/")) return false;
  const [actual = "", ...rest] = path.slice(1).split("/");
  if (segment === "{**}") {
    const below = path.slice(1);
    return more.length === 0 || tails(below).some((tail) => template(`/${more.join("/")}`, tail));
  }
  if (segment === "{*}" ? actual === "" : segment !== actual) return false;
  if (more.length === 0) return rest.length === 0;
  return rest.length > 0 && template(`/${more.join("/")}`, `/${rest.join("/")}`);
}

/** IPv4 and IPv6, a range by its bits. */
function inBlock(block: string, address: string): boolean {
  const [network = "", bits] = block.split("/");
  const [wanted, actual] = [bitsOf(network), bitsOf(address)];
  if (wanted.length !== actual.length) return false;
  const length = bits === undefined ? wanted.length : Number(bits);
  return wanted.slice(0, length) === actual.slice(0, length);
}

function bitsOf(address: string): string {
  if (!address.includes(":"))
    return address
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  const [head = "", tail] = address.split("::");
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: missing }, () => "0"), ...right]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0"))
    .join("");
}

/** All ends of a text but the empty one, the longest first. */
function tails(of: string): readonly string[] {
  return Array.from({ length: of.length }, (_, at) => of.slice(at));
}
