import type { NaivePeers, NaivePolicy, NaiveRequest, NaiveRule, NaiveToken } from "./naive.ts";

const PRINCIPALS = [
  "cluster.local/ns/shop/sa/web",
  "old.test/ns/shop/sa/web",
  "cluster.local/ns/bank/sa/clerk",
  "other.test/ns/shop/sa/web",
];
const VALUES: Readonly<Record<string, readonly string[]>> = {
  principals: [...PRINCIPALS, "*", "cluster.local/*", "old.test/ns/shop/*", "*/sa/web", "*/ns/bank/sa/clerk"],
  namespaces: ["shop", "bank", "*", "s*", "*nk", "s*p", "b*k*", "*a*"],
  serviceAccounts: ["web", "clerk", "shop/web", "bank/clerk", "bank/web"],
  trustDomains: ["cluster.local", "old.test", "other.test", "*", "cluster.*", "*.test"],
  ipBlocks: ["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32", "2001:db8::1"],
  requestPrincipals: [
    "*",
    "https://issuer.test/ann",
    "https://issuer.test/*",
    "*/ann",
    "https://other.test/ann",
    "*nn",
  ],
  hosts: [
    "api.shop.svc.cluster.local",
    "API.shop.*",
    "*.local",
    "*",
    "api.test",
    "api.shop.svc.cluster.local:80",
    "*:8080",
  ],
  methods: ["GET", "POST", "DEL*", "*T", "*"],
  paths: ["/a", "/a/*", "*/c", "/admin", "*", "/a/{*}", "/a/{*}/c", "/a/{**}", "/{**}/c", "/{*}/{*}"],
  ports: ["80", "8080"],
};
const KEYS: Readonly<Record<string, readonly string[]>> = {
  "request.headers[x-role]": ["admin", "user", "ad*", "*r", "*", "user,admin"],
  "source.ip": VALUES["ipBlocks"] ?? [],
  "remote.ip": VALUES["ipBlocks"] ?? [],
  "source.namespace": VALUES["namespaces"] ?? [],
  "source.principal": VALUES["principals"] ?? [],
  "source.serviceAccount": VALUES["serviceAccounts"] ?? [],
  "source.trustDomain": VALUES["trustDomains"] ?? [],
  "destination.port": VALUES["ports"] ?? [],
  "request.auth.principal": VALUES["requestPrincipals"] ?? [],
  "request.auth.audiences": ["api", "web", "*", "a*"],
  "request.auth.presenter": ["app", "*", "*p"],
  "request.auth.claims[groups]": ["admins", "users", "*", "ad*"],
  "request.auth.claims[scope]": ["read", "write", "*"],
  "request.auth.claims[realm][roles]": ["boss", "*"],
};
const SOURCES = [
  "principals",
  "requestPrincipals",
  "namespaces",
  "serviceAccounts",
  "trustDomains",
  "ipBlocks",
  "remoteIpBlocks",
];
const OPERATIONS = ["hosts", "methods", "paths", "ports"];
const ADDRESSES = ["10.1.2.3", "10.9.9.9", "192.0.2.7", "203.0.113.1", "2001:db8::1", "2001:db9::1", null];

/** Random policies and requests whose values meet often; equal seeds give equal ones. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** In [0, 1). */
  next(): number {
    // Of the generator mulberry32, which is in the public domain.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  one(chance: number): boolean {
    return this.next() < chance;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error("nothing to pick from");
    return from[Math.floor(this.next() * from.length)] as T;
  }

  list<T>(least: number, most: number, make: () => T): readonly T[] {
    return Array.from({ length: least + Math.floor(this.next() * (most - least + 1)) }, make);
  }

  policy(): NaivePolicy {
    const action = this.pick(["ALLOW", "DENY", "AUDIT", undefined, "DENY"] as const);
    return {
      namespace: this.pick(["shop", "shop", "istio-system", "bank"]),
      ...(this.one(0.4) && { selector: this.pick([{ app: "api" }, { app: "web" }, { app: "api", version: "v1" }]) }),
      ...(action && { action }),
      ...(this.one(0.1) && { dryRun: true }),
      ...(this.one(0.9) && { rules: this.list(1, 3, () => this.rule()) }),
    };
  }

  rule(): NaiveRule {
    return {
      ...(this.one(0.5) && { from: this.list(1, 2, () => ({ source: this.#fields(SOURCES) })) }),
      ...(this.one(0.5) && { to: this.list(1, 2, () => ({ operation: this.#fields(OPERATIONS) })) }),
      ...(this.one(0.4) && { when: this.list(1, 2, () => this.#condition()) }),
    };
  }

  #fields(names: readonly string[]): Readonly<Record<string, readonly string[]>> {
    const fields: Record<string, readonly string[]> = {};
    for (let count = this.one(0.7) ? 1 : 2; count > 0; count -= 1) {
      const name = this.pick(names);
      const values = this.#values(VALUES[name === "remoteIpBlocks" ? "ipBlocks" : name] ?? []);
      const negated = this.one(0.25);
      fields[negated ? `not${name.charAt(0).toUpperCase()}${name.slice(1)}` : name] = values;
    }
    // Istio refuses the two together.
    const account = Object.keys(fields).find((name) => /serviceAccounts/i.test(name));
    const others = Object.keys(fields).filter((name) => /principals|namespaces/i.test(name) && !/request/i.test(name));
    if (account !== undefined) for (const name of others) delete fields[name];
    return fields;
  }

  #values(from: readonly string[]): readonly string[] {
    return [...new Set(this.list(1, 2, () => this.pick(from)))];
  }

  #condition() {
    const key = this.pick(Object.keys(KEYS));
    const list = () => this.#values(KEYS[key] ?? []);
    return this.pick([
      { key, values: list() },
      { key, values: list() },
      { key, notValues: list() },
      { key, values: list(), notValues: list() },
    ]);
  }

  peers(): NaivePeers {
    const mode = () => this.pick(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] as const);
    const selector = this.one(0.5) ? this.pick([{ app: "api" }, { app: "web" }]) : undefined;
    return {
      namespace: this.pick(["shop", "shop", "istio-system", "bank"]),
      ...(selector && { selector }),
      ...(this.one(0.8) && { mode: mode() }),
      ...(selector && this.one(0.5) && { ports: { [this.pick(["80", "8080"])]: mode() } }),
    };
  }

  request(host: string, port: number): NaiveRequest {
    return {
      principal: this.one(0.3) ? null : this.pick(PRINCIPALS),
      token: this.one(0.5) ? null : this.#token(),
      ...this.pick([
        { entrance: "mesh" as const, sourceIp: null, remoteIp: null },
        { entrance: "public" as const, sourceIp: this.pick(ADDRESSES), remoteIp: this.pick(ADDRESSES) },
        { entrance: "public" as const, sourceIp: this.pick(ADDRESSES), remoteIp: this.pick(ADDRESSES) },
      ]),
      host,
      authority: this.one(0.5) ? host : `${host}:${port}`,
      method: this.pick(["GET", "POST", "DELETE", "PUT"]),
      path: this.pick(["/", "/a", "/a/", "/a/b", "/a/b/c", "/a/c", "/admin", "/x/y/c", "/c"]),
      headers: this.one(0.5)
        ? {}
        : { "x-role": this.pick(["admin", "user", "user,admin", "user, guest", "admin,", "boss"]) },
    };
  }

  #token(): NaiveToken {
    return {
      issuer: "https://issuer.test",
      subject: this.pick(["ann", "bob"]),
      audiences: this.pick([[], ["api"], ["api", "web"]]),
      presenter: this.pick(["app", null]),
      claims: this.pick<Readonly<Record<string, unknown>>>([
        {},
        { groups: ["admins", "users"], scope: "read write" },
        { groups: "users", scope: "write", realm: { roles: ["boss"] } },
        { groups: [1, { admins: true }], realm: "roles", scope: ["read"] },
      ]),
    };
  }
}
