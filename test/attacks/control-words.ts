import { sameSecret, tokenStore } from "../../workers/control/db/tokens.ts";
import { bearer, type ControlWorld, digestOf, POLICIES, policiesIn, POLICY } from "./control-world.ts";
import type { AttackCase } from "./corpus.ts";
import { demand, demandEqual, demandOneOf } from "./outcome.ts";
import type { Reply } from "./raw-answer.ts";

type Held = (cases: ControlWorld, attack: AttackCase, replies: readonly Reply[]) => void | Promise<void>;

/** Nothing beside what the other conditions of the case say: it is refused, or accepted with a warning, never in silence. */
const nothingMore: Held = () => undefined;

const HELD_WORDS: ReadonlyMap<string, Held> = new Map<string, Held>([
  ["'path' is a typo of 'paths'; ignoring it would turn the rule into match-everything for ALLOW", nothingMore],
  ["an empty list must not mean 'any'", nothingMore],
  [
    "refused, or accepted with a warning that the star is literal (Istio has no middle star; {*} is the template form); never silently literal",
    nothingMore,
  ],
  ["refused, or accepted as namespace-wide with a warning (Istio); never mesh-wide, never silently", nothingMore],
  ["pseudo-headers and host are not addressable through request.headers; the compiler says so", nothingMore],
  [
    "https only, host on the egress allow-list, no IP literals, no userinfo, default ports; checked after URL canonicalization",
    nothingMore,
  ],
  ["names come from a fixed allow-list in the gateway's own config, looked up with an own-property check", nothingMore],
  [
    "a Worker cannot pin DNS: the rule is an allow-list of hosts chosen by the mesh admin, not of namespace users; documented",
    nothingMore,
  ],
  [
    "tokens are compared as SHA-256 digests with timingSafeEqual (equal length needed); difference of medians < 5 % of the median",
    comparesDigests,
  ],
  ["only dev objects", seesOnlyDev],
  ["bound parameters only; sort and column names from an enum; LIKE wildcards escaped", staysInNamespace],
  [
    "limit clamped to 500; cursors are opaque, signed or bound to tenant and filter; no OFFSET scans",
    async (cases, { requests, must }) => {
      const dev = await cases.token("viewer", { namespace: "dev" });
      for (const request of requests) {
        // Who may see one namespace sees no more of others by a page, whoever's cursor it is.
        const target = (request.target ?? "")
          .replace("/v1/policies", policiesIn("dev"))
          .replace("?cursor=", "?continue=")
          .replace("{cursor-of-other-tenant}", encodeURIComponent(btoa(JSON.stringify(["prod", "", 1]))));
        const reply = await cases.send("GET", target, bearer(dev));
        demandOneOf("the status", reply.status, must.status ?? [], target);
        demand(!reply.body.includes("secret-of-prod"), "another namespace is shown", target);
      }
    },
  ],
  [
    "error names document 13 with line and field",
    (_, __, replies) => {
      for (const { body } of replies) {
        const { results = [] } = JSON.parse(body) as { readonly results?: readonly DocumentResult[] };
        const failed = results.filter(({ status }) => status !== undefined);
        demandEqual(
          "what failed",
          failed.map(({ name, line }) => [name, line]),
          [["d12", 25]],
          body,
        );
        const fields = failed.flatMap(({ status }) => status?.details.causes.map(({ field }) => field) ?? []);
        demandEqual("its field", fields, ["spec.action"], body);
      }
    },
  ],
  ["D1 has only SHA-256 of a 256-bit random token; no endpoint returns it again", storesDigests],
  [
    "setup needs the deploy-time secret",
    async (cases, { requests }, replies) => {
      demandEqual("answers", replies.length, requests[0]?.n ?? 0, "");
      demandEqual("the codes", [...new Set(replies.map(({ status }) => status))], [401], "");
      const [again, gone] = [
        await cases.send("POST", "/api/v1/bootstrap", bearer(cases.good), "{}"),
        await cases.send("POST", "/api/v1/setup", bearer(cases.good)),
      ];
      demandEqual("an admin token's setup", [again.status, gone.status], [401, 404], again.body);
    },
  ],
]);

export const controlWords = (words: string): Held | null => HELD_WORDS.get(words) ?? null;

interface DocumentResult {
  readonly name: string;
  readonly line: number;
  readonly status?: { readonly details: { readonly causes: readonly { readonly field: string }[] } };
}

/** What the database compares is a digest, of which nobody chooses a byte; so is what is compared here. */
async function comparesDigests(): Promise<void> {
  const looked: unknown[] = [];
  const statement = {
    bind: (...values: unknown[]) => {
      looked.push(...values);
      return statement;
    },
    raw: async () => [],
  };
  const text = `tulle_${"A".repeat(43)}`;
  const database = { prepare: () => statement } as unknown as D1Database;
  demandEqual("an unknown token", await tokenStore(database).find(text, 0), null, text);
  demandEqual("what is looked for", looked, [digestOf(text)], text);
  const lengths: (readonly number[])[] = [];
  const compare = (a: ArrayBuffer, b: ArrayBuffer): boolean => {
    lengths.push([a.byteLength, b.byteLength]);
    return Buffer.from(a).equals(Buffer.from(b));
  };
  Object.defineProperty(crypto.subtle, "timingSafeEqual", { value: compare, configurable: true });
  try {
    const same = [await sameSecret("short", "a secret that is longer"), await sameSecret("same", "same")];
    demandEqual("what is the same", same, [false, true], "");
  } finally {
    Reflect.deleteProperty(crypto.subtle, "timingSafeEqual");
  }
  demandEqual(
    "what is compared",
    lengths,
    [
      [32, 32],
      [32, 32],
    ],
    "",
  );
}

async function seesOnlyDev(cases: ControlWorld, _: AttackCase, replies: readonly Reply[]): Promise<void> {
  for (const { status, body } of replies) {
    demandOneOf("the status", status, [200, 403, 404], body);
    demand(!body.includes("secret-of-prod"), "another namespace is shown", body);
  }
  const viewer = bearer(await cases.token("viewer", { namespace: "dev" }));
  for (const query of ["", "?watch=true&timeoutSeconds=0", "?fieldSelector=metadata.namespace!%3Ddev"]) {
    const { status, body } = await cases.send("GET", policiesIn("dev") + query, viewer);
    demandEqual("the status", status, 200, query);
    demand(!body.includes("secret-of-prod"), "another namespace is shown", query);
    demand(query.includes("!") || body.includes("of-dev"), "its own namespace is not shown", query);
  }
  for (const path of [`${POLICIES}?watch=true`, policiesIn("prod")]) {
    const { status } = await cases.send("GET", path, viewer);
    demandEqual("the status", status, 403, path);
  }
}

/** What of names reaches a statement is a value, never a part of it. */
async function staysInNamespace(cases: ControlWorld): Promise<void> {
  for (const name of ["x'%20OR%20'1'='1", "%25", "_", "x%22;--"]) {
    const reply = await cases.send("GET", policiesIn(name), bearer(cases.good));
    demandOneOf("the status", reply.status, [200, 400, 404, 422], reply.body);
    demand(!reply.body.includes("of-dev"), "a name is taken as a pattern", reply.body);
  }
  const list = await cases.send("GET", policiesIn("prod"), bearer(cases.good));
  demand(list.body.includes("secret-of-prod"), "what was there is gone", list.body);
}

async function storesDigests(cases: ControlWorld): Promise<void> {
  const secret = await cases.token("viewer");
  const hash = digestOf(secret);
  demandEqual("random bytes", Buffer.from(secret.replace(/^tulle_/, ""), "base64url").length, 32, "");
  demand(!(await cases.control.dump()).includes(secret), "the token is stored", "");
  const stored = await cases.control.sql(`SELECT 1 FROM tokens WHERE hash = '${hash}'`);
  demandEqual("stored digests", stored.length, 1, hash);
  const { status, body } = await cases.send("GET", "/api/v1/tokens", bearer(cases.good));
  demandEqual("the status", status, 200, body);
  for (const absent of [secret, hash, cases.good]) demand(!body.includes(absent), "the list shows a secret", body);
}

/** A dry run has the checks of an apply: those of the document, and those of who may write. */
export async function dryRunChecks(cases: ControlWorld): Promise<void> {
  const path = "/api/v1/apply?dryRun=All";
  const type = { "content-type": "application/json" };
  const bad = JSON.stringify({ ...POLICY, spec: { action: "MAYBE" } });
  const viewer = bearer(await cases.token("viewer"));
  const answers = [
    await cases.send("POST", path, { ...type, ...bearer(cases.good) }, bad),
    await cases.send("POST", path, { ...type, ...viewer }, JSON.stringify(POLICY)),
  ];
  demandEqual(
    "the codes",
    answers.map(({ status }) => status),
    [422, 422],
    answers[0]?.body ?? "",
  );
}
