import { parseObject } from "../../src/kinds/parse.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { link } from "../../src/snapshot/link.ts";
import { service, TestWorld } from "../compile/world.ts";
import type { Dice } from "./random-policies.ts";

/** Objects of one world. */
const TOGETHER = 20;

const JUNK: readonly unknown[] = [
  null,
  "",
  "*",
  "**",
  "a*b*c",
  "/{**}/{*}",
  "{",
  "spiffe://x/ns/a/sa/b",
  "10.0.0.0/33",
  "::ffff:10.0.0.1/130",
  "request.headers[]",
  "request.auth.claims[a][b][c]",
  "__proto__",
  "a".repeat(2_000),
  "\u0000\ud800",
  -1,
  0.5,
  65_536,
  true,
  [],
  {},
  [[]],
  [null],
  { a: { b: [] } },
];

const jwtRule = (dice: Dice): object => ({
  issuer: dice.pick(["https://issuer.test", "a", "*"]),
  ...(dice.one(0.5) && { audiences: dice.list(0, 2, () => dice.pick(["api", "", "*"])) }),
  ...dice.pick<object>([
    {},
    { jwksUri: "https://issuer.test/keys" },
    { jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}' },
  ]),
  ...(dice.one(0.3) && { fromHeaders: [{ name: "x-token", prefix: dice.pick(["", "Bearer "]) }] }),
  ...(dice.one(0.3) && { fromParams: ["token"], fromCookies: ["session"] }),
  ...(dice.one(0.3) && { outputClaimToHeaders: [{ header: "x-sub", claim: dice.pick(["sub", "a.b", ".", ""]) }] }),
  ...(dice.one(0.3) && { outputPayloadToHeader: "x-payload", forwardOriginalToken: dice.one(0.5) }),
  ...(dice.one(0.3) && { timeout: dice.pick(["5s", "0s", "1h", "x"]), spaceDelimitedClaims: ["roles"] }),
});

function specOf(kind: string, dice: Dice): unknown {
  if (kind === "RequestAuthentication") return { jwtRules: dice.list(0, 3, () => jwtRule(dice)) };
  if (kind === "PeerAuthentication") {
    const { selector, mode, ports } = dice.peers();
    return { ...(selector && { selector: { matchLabels: selector } }), mtls: { mode }, portLevelMtls: ports };
  }
  const { selector, action, rules } = dice.policy();
  return { ...(selector && { selector: { matchLabels: selector } }), action, rules };
}

/** The same with something else in a place or two. */
export function mutated(value: unknown, dice: Dice, chance: number): unknown {
  if (dice.one(chance)) return dice.pick(JUNK);
  if (Array.isArray(value)) return value.map((one) => mutated(one, dice, chance));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [dice.one(chance / 3) ? `${name}s` : name, mutated(one, dice, chance)]),
  );
}

export function documentOf(dice: Dice, index: number): unknown {
  const kind = dice.pick(["AuthorizationPolicy", "AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"]);
  return {
    apiVersion: "security.istio.io/v1",
    kind,
    metadata: { name: `d${index}`, namespace: dice.pick(["shop", "istio-system", "bank"]) },
    spec: mutated(specOf(kind, dice), dice, dice.pick([0, 0.02, 0.1])),
  };
}

/** What became of documents that nobody would write. */
export interface Tried {
  readonly accepted: number;
  readonly refused: number;
  /** Documents that made the compiler throw, were refused without a reason, or were accepted and don't load. */
  readonly crashes: readonly string[];
}

export function tryRandomDocuments(dice: Dice, count: number): Tried {
  let [accepted, refused] = [0, 0];
  const crashes: string[] = [];
  for (let from = 0; from < count; from += TOGETHER) {
    const tried = tryDocuments(Array.from({ length: TOGETHER }, (_, at) => JSON.stringify(documentOf(dice, at))));
    accepted += tried.accepted;
    refused += tried.refused;
    crashes.push(...tried.crashes);
  }
  return { accepted, refused, crashes };
}

/** Of one mesh. @param texts JSON */
function tryDocuments(texts: readonly string[]): Tried {
  const world = new TestWorld();
  world.apply(service("api", { namespace: "shop" }));
  let [accepted, refused, last] = [0, 0, ""];
  try {
    for (const [at, text] of texts.entries()) {
      last = text;
      const { object, findings } = parseObject(JSON.parse(text), { local: true });
      if (object === null) {
        refused += 1;
        if (!findings.some(({ severity, message }) => severity === "error" && message !== ""))
          throw new Error("refused without a reason");
        continue;
      }
      const found = world.compile([{ before: null, after: stored(object, at) }]);
      if ([...found.values()].flat().every(({ severity }) => severity !== "error")) accepted += 1;
    }
    const slice = world.slice("mesh/*", "api.shop.svc.cluster.local");
    if (slice === null || link(slice).policySets.length !== 1) throw new Error("the service is not served");
    return { accepted, refused, crashes: [] };
  } catch (error) {
    return { accepted, refused, crashes: [`${String(error)}: ${last}`] };
  }
}

export function stored(object: KubeObject, seconds: number): KubeObject {
  const creationTimestamp = `${new Date(seconds * 1_000).toISOString().slice(0, 19)}Z`;
  return { ...object, metadata: { ...object.metadata, uid: refKey(refOf(object)), creationTimestamp } };
}
