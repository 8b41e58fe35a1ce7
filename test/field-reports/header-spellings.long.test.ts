import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestIssuer } from "../identity/tokens.ts";
import { EchoMesh, policy, routes } from "./echo-mesh.ts";

const to = (name: string) => [{ destination: { host: name } }];

/** What each case's rule does with a header, and other spellings of its name. */
const CASES: readonly {
  readonly name: string;
  readonly yaml: (name: string, jwks: string) => string;
  readonly spellings: readonly string[];
}[] = [
  {
    name: "removed",
    yaml: (name) => routes(name, [{ route: to(name), headers: { request: { remove: ["x-secret"] } } }]),
    spellings: ["x_secret", "x.secret", "X_Secret"],
  },
  {
    name: "set",
    yaml: (name) => routes(name, [{ route: to(name), headers: { request: { set: { "x-tenant-id": "7" } } } }]),
    spellings: ["x_tenant_id", "x-tenant_id", "x.tenant.id"],
  },
  {
    name: "added",
    yaml: (name) => routes(name, [{ route: to(name), headers: { request: { add: { "x-hop": "1" } } } }]),
    spellings: ["x_hop", "x.hop"],
  },
  {
    name: "by-destination",
    yaml: (name) =>
      routes(name, [{ route: [{ destination: { host: name }, headers: { request: { remove: ["x-debug"] } } }] }]),
    spellings: ["x_debug", "x.debug"],
  },
  {
    name: "matched",
    yaml: (name) =>
      routes(name, [{ match: [{ headers: { "x-tier": { exact: "gold" } } }], route: to(name) }, { route: to(name) }]),
    spellings: ["x_tier", "x.tier"],
  },
  {
    name: "without",
    yaml: (name) =>
      routes(name, [{ match: [{ withoutHeaders: { "x-bot": {} } }], route: to(name) }, { route: to(name) }]),
    spellings: ["x_bot", "x.bot"],
  },
  {
    name: "condition",
    yaml: (name) => policy(name, "DENY", { when: [{ key: "request.headers[x-role]", values: ["admin"] }] }),
    spellings: ["x_role", "x.role"],
  },
  {
    name: "written-odd",
    yaml: (name) => policy(name, "DENY", { when: [{ key: "request.headers[x_role]", values: ["admin"] }] }),
    spellings: ["x-role", "x.role"],
  },
  {
    name: "claim",
    yaml: (name, jwks) => authentication(name, jwks, { outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }] }),
    spellings: ["x_sub", "X_SUB"],
  },
  {
    name: "payload",
    yaml: (name, jwks) => authentication(name, jwks, { outputPayloadToHeader: "x-token-claims" }),
    spellings: ["x_token_claims", "x-token.claims"],
  },
  {
    name: "token",
    yaml: (name, jwks) => authentication(name, jwks, { fromHeaders: [{ name: "x-id-token" }] }),
    spellings: ["x_id_token", "x.id.token"],
  },
];

function authentication(name: string, jwks: string, rule: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      jwtRules: [{ issuer: "issuer", jwks, ...rule }],
    },
  });
}

describe("another spelling of a header that a rule names", () => {
  let mesh: EchoMesh;
  let issuer: TestIssuer;

  beforeAll(async () => {
    issuer = await TestIssuer.create();
    const jwks = JSON.stringify(issuer.jwks);
    mesh = await EchoMesh.start(
      12_300,
      [...CASES.map(({ name }) => name), "free"],
      CASES.map(({ name, yaml }) => yaml(name, jwks)),
    );
  });
  afterAll(() => mesh.stop());

  it.each(CASES.flatMap(({ name, spellings }) => spellings.map((spelling) => ({ name, spelling }))))(
    "$name: $spelling does not arrive, and others do",
    async ({ name, spelling }) => {
      const headers = [
        [spelling, "admin"],
        ["x_other", "kept"],
      ] as const;
      const { status, arrived } = await mesh.send(name, "/", { headers });
      expect(status).toBe(200);
      expect(arrived?.headers).not.toHaveProperty([spelling.toLowerCase()]);
      expect(arrived?.headers).toMatchObject({ x_other: "kept" });
    },
  );

  it("is dropped also beside a token, whose claim arrives under the name proper", async () => {
    const headers = [
      ["authorization", `Bearer ${await issuer.sign({ iss: "issuer", sub: "anna", exp: 4_102_444_800 })}`],
      ["x_sub", "root"],
      ["x-sub", "root"],
    ] as const;
    const { arrived } = await mesh.send("claim", "/", { headers });
    expect(arrived?.headers).toMatchObject({ "x-sub": "anna" });
    expect(arrived?.headers).not.toHaveProperty(["x_sub"]);
  });

  it.each([
    ["x_secret", "1"],
    ["x.role", "admin"],
    ["api_key", "k"],
  ])("%s arrives where no rule of the host names it", async (name, value) => {
    const { arrived } = await mesh.send("free", "/", { headers: [[name, value]] });
    expect(arrived?.headers).toMatchObject({ [name]: value });
  });
});
