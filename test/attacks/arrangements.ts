import { Response } from "miniflare";
import type { Arrangement } from "./arrangement.ts";
import {
  mirrorTo,
  outliers,
  prefixRoutes,
  rateLimit,
  redirectsToHttps,
  requestAuthentication,
  rewrites,
} from "./arranged-documents.ts";
import { bundleOf } from "./certificates.ts";
import { KEYS_ARRANGED } from "./key-arrangements.ts";
import { mirrorHost, type OutsideHost, refusing } from "./outside.ts";
import { CLOCKED } from "./stand-ins.ts";
import { until } from "../support/until.ts";
import type { Trial } from "./trial.ts";
import { endpoint, routes, TO_API } from "./worlds.ts";

const NOTHING: Arrangement = {};
const MINUTE = 60_000;
/** After so long a gateway asks for an issuer's keys anew. */
const JWKS_TTL = 5 * MINUTE;

/** Names x-user but of guests, takes x-session away, and refuses who is an admin. */
const ASKED: Arrangement = {
  mesh: {
    extensionProviders: [
      {
        name: "asked",
        envoyExtAuthzHttp: {
          service: "echo.attacks.svc.cluster.local",
          port: 80,
          timeout: "30s",
          pathPrefix: "/asked",
          includeRequestHeadersInCheck: ["x-role", "x-plan-*"],
          headersToUpstreamOnAllow: ["x-user"],
          includeRequestBodyInCheck: { maxRequestBytes: 1_024 },
        },
      },
    ],
  },
  behaviour: ({ target, headers }) => {
    if (!target.startsWith("/asked/")) return null;
    if (headers["x-role"]?.includes("admin") === true) return { status: 403 };
    if (headers["x-role"] === "guest") return {};
    return { headers: { "x-user": "ann", "x-envoy-auth-headers-to-remove": "x-session" } };
  },
};

const GOOD_TOKEN = { target: "/x", host: "api.test", jwt: {} } as const;

function cors(origins: readonly string[], methods: readonly string[]): Arrangement {
  const corsPolicy = { allowOrigins: origins.map((exact) => ({ exact })), allowMethods: methods };
  return { documents: (index) => [routes(index, [{ route: TO_API, corsPolicy }])] };
}

const retried = (retries: object): Arrangement => ({
  documents: (index) => [routes(index, [{ route: TO_API, retries }])],
});

function headerRegex(regex: string): Arrangement {
  return {
    documents: (index) => [
      routes(index, [{ match: [{ headers: { "x-a": { regex } } }], route: TO_API }, { route: TO_API }]),
    ],
  };
}

/** An issuer of one case alone, asked through the gateway whose clock can be set. */
function clockedIssuer(name: string, more: Omit<Arrangement, "jwksHost" | "gateway">): Arrangement {
  return { jwksHost: `${name}.issuer.test`, gateway: CLOCKED, ...more };
}

/** From now on the issuer's document holds these keys alone. */
function publish({ mesh }: Trial, name: string, kids: readonly string[]): void {
  mesh.outside.set(`${name}.issuer.test`, () => Response.json(mesh.issuer.jwks(kids)));
}

/** An answer of the issuer's that a gateway keeps, before the clock goes on. */
async function fetched(trial: Trial, name: string, kids: readonly string[], laterMs: number): Promise<void> {
  await trial.mesh.resetClock();
  publish(trial, name, kids);
  const { reply } = await trial.send(GOOD_TOKEN);
  if (reply.status !== 200) throw new Error(`the issuer's first document is not taken: ${reply.status} ${reply.body}`);
  await trial.mesh.setClock(laterMs);
}

function cachedThenDown(age: number, ttl: number, name: string): Arrangement {
  return clockedIssuer(name, {
    before: async (trial) => {
      await fetched(trial, name, ["rsa-1"], (age / ttl) * JWKS_TTL);
      trial.mesh.outside.set(`${name}.issuer.test`, refusing);
    },
  });
}

const BAD_DOCUMENTS: readonly OutsideHost[] = [
  () => new Response("<!doctype html><title>not found</title>", { headers: { "content-type": "text/html" } }),
  () => Response.json({}),
  () =>
    new Response(
      `{"keys":[${Array(40_000)
        .fill(`{"kty":"RSA","kid":"rsa-1","n":"${"A".repeat(200)}"}`)
        .join(",")}]}`,
    ),
];

const ARRANGED: ReadonlyMap<string, Arrangement> = new Map<string, Arrangement>([
  ["base", NOTHING],
  ...KEYS_ARRANGED,
  ["routes: secret.test and api.test both go to the echo service", NOTHING],
  ["no AuthorizationPolicy anywhere; mesh default allow", NOTHING],
  [
    "tenant 'a:b' + route 'c' and tenant 'a' + route 'b:c'",
    {
      documents: (index) => [rateLimit(index, 10, "minute", ['request.headers["x-tenant"]', "request.url_path"])],
    },
  ],
  ["rule has fromParams [access_token]", { policies: fromParams }],
  ["service answers with Connection, Keep-Alive, x-mesh-identity, x-envoy-upstream-service-time", NOTHING],
  ["upstream sends Cache-Control: public", NOTHING],
  ["malformed, all-zero, version ff, 10 KB tracestate, sampled flag flood", NOTHING],
  ["another Worker of the account calls the gateway through a service binding with its own cf object", NOTHING],
  ["gateway called through a service binding from another Worker in the account", NOTHING],
  ["1,000 requests, each with a fresh random kid", { jwksHost: "counted.issuer.test" }],
  ["issuer.test refuses connections; nothing cached", { jwksHost: "refusing.issuer.test" }],
  ["issuer.test returns 500; token signed by a well-known sample key", { jwksHost: "failing.issuer.test" }],
  [
    "rsa-1 gone from the document, TTL passed",
    clockedIssuer("removed", {
      before: async (trial) => {
        await fetched(trial, "removed", ["rsa-1", "rsa-2"], 2 * JWKS_TTL);
        publish(trial, "removed", ["rsa-2"]);
      },
    }),
  ],
  [
    "token uses kid rsa-2, published 1 s ago; cached set lacks it",
    clockedIssuer("published", {
      before: async (trial) => {
        await fetched(trial, "published", ["rsa-1"], MINUTE);
        publish(trial, "published", ["rsa-1", "rsa-2"]);
      },
    }),
  ],
  [
    "three documents in turn",
    clockedIssuer("bad", {
      before: async ({ mesh }) => {
        await mesh.resetClock();
        mesh.outside.set(
          "bad.issuer.test",
          async (url, nth) => BAD_DOCUMENTS[(nth - 1) % 3]?.(url, nth) ?? refusing(url, nth),
        );
      },
      // Where it has none, a gateway asks again after some seconds.
      beforeRequest: async ({ mesh }, nth) => mesh.setClock(nth * 31_000),
    }),
  ],
  [
    "second rule: issuer https://b.test, its JWKS has kid b-1 and a key whose kid is also rsa-1",
    {
      documents: (index) => [
        requestAuthentication(index, "second", "https://b.test", "https://second.issuer.test/jwks.json"),
      ],
    },
  ],
  [
    "jwksUri host is allowed and answers 302 to http://127.0.0.1/",
    {
      documents: (index) => [
        requestAuthentication(index, "jwt", "https://issuer.test", "https://redirecting.issuer.test/jwks.json"),
      ],
    },
  ],
  [
    "federated with partner.example, whose bundle lists the authorities `partner` and `ended partner`",
    {
      mesh: {
        federation: [{ trustDomain: "partner.example", bundleEndpointURL: "https://partner.issuer.test/bundle" }],
      },
      before: async ({ mesh }) => {
        await until("the partner's bundle", async () =>
          (await mesh.control("GET", "/api/v1/status")).text.includes('"sequence":1'),
        );
        await mesh.settled();
      },
    },
  ],
  ["breaker: 5 consecutive 5xx", { documents: (index) => [outliers(index)] }],
  [
    "3 endpoints; caller triggers 500 on each with a poison request",
    {
      documents: (index) => [endpoint(index, 2), endpoint(index, 3), outliers(index)],
      behaviour: ({ target }) => (target === "/poison" ? { status: 500 } : null),
    },
  ],
  ["CORS policy as above", cors(["https://app.test"], ["GET"])],
  ["CORS on", cors(["https://app.test"], ["GET"])],
  ["CORS on, allowHeaders unset", cors(["https://app.test"], ["GET"])],
  // Its only endpoint answers nobody.
  ["mirror 100 % to a dead service", { documents: (index) => mirrorTo(index, "refusing.issuer.test") }],
  ["HTTPS redirect on; request arrives over http", { documents: redirectsToHttps }],
  [
    "route /old rewritten to /admin/x; upstream A answers 302 to /admin/y with followRedirect on; fallback backend path /admin/z",
    { documents: rewrites },
  ],
  [
    "HTTPRoute A: prefix /api rewritten to / (public); HTTPRoute B: prefix /admin with ALLOW only for principal ops",
    { documents: prefixRoutes },
  ],
  [
    "explicit option; first answer 503",
    {
      ...retried({ attempts: 2, retryOn: "5xx,retriable-status-codes,503" }),
      behaviour: (_, nth) => (nth === 1 ? { status: 503 } : null),
    },
  ],
  [
    "upstream always 503; 1,000 requests",
    { ...retried({ attempts: 3, retryOn: "5xx" }), behaviour: () => ({ status: 503 }) },
  ],
  ["admin asks explain for GET /admin as web", NOTHING],
  [
    'host or route named a"}\\n up 0',
    { documents: (index) => [routes(index, [{ name: 'a"}\n up 0', route: TO_API }])] },
  ],
]);

/** Both places, so that two tokens come. */
function fromParams(text: string): string {
  const places = '$&\n$1fromParams: [access_token]\n$1fromHeaders: [{name: Authorization, prefix: "Bearer "}]';
  return text.includes("fromParams") ? text : text.replace(/^( *)audiences: \[api\]$/m, places);
}

type Made = (...parts: readonly string[]) => Arrangement;

const list = (text = ""): readonly string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** Words with a part that differs from case to case. */
const PATTERNS: readonly (readonly [RegExp, Made])[] = [
  [/^route only for api\.test$/, () => NOTHING],
  [/^generated: [\d,]+ /, () => NOTHING],
  [/^[\d,]+ random paths, hosts, principals, methods$/, () => NOTHING],
  [/^client address given by the platform: [0-9a-f.:]+$/i, () => NOTHING],
  [/^CORS policy: origins \[(.*?)\], methods \[(.*?)\]$/, (origins, methods) => cors(list(origins), list(methods))],
  [/^header regex (\S+) on an? .*header$/, (regex = "") => headerRegex(regex)],
  [
    /^mesh option (\w+): (\w+)(?:; no policy)?$/,
    (name = "", value = "") => ({
      mesh: { [name]: /^(?:true|false|\d+)$/.test(value) ? (JSON.parse(value) as unknown) : value },
    }),
  ],
  [
    /^cached (\d+) (min|h) ago, TTL (\d+) (min|h), endpoint down$/,
    (age, unit, ttl, ttlUnit) => {
      const minutes = (count = "", of = ""): number => Number(count) * (of === "h" ? 60 : 1);
      return cachedThenDown(minutes(age, unit), minutes(ttl, ttlUnit), `cached-${age}${unit}-${ttl}${ttlUnit}`);
    },
  ],
  [
    /^upstream answers (\d{3})(?: to (\S+))?$/,
    (status, location) => ({
      behaviour: () => ({ status: Number(status), ...(location !== undefined && { headers: { location } }) }),
    }),
  ],
  [/^an external authorizer is told x-role, x-plan-\* and the body/, () => ASKED],
  [/^upstream always (\d{3})\b/, (status) => ({ behaviour: () => ({ status: Number(status) }) })],
  [
    /^rate limit: (\d+) per (second|minute|hour|day) per client IP$/,
    (limit, per = "") => ({ documents: (index) => [rateLimit(index, Number(limit), per, ["source.address"])] }),
  ],
  [
    /^limit (\d+) per (second|minute|hour|day) keyed by (path|host)$/,
    (limit, per = "", what = "") => ({
      documents: (index) => [
        rateLimit(index, Number(limit), per, [what === "path" ? "request.url_path" : "request.host"]),
      ],
    }),
  ],
  [
    /^limit (\d+) per (second|minute|hour|day) keyed by header ([\w-]+)$/,
    (limit, per = "", header = "") => ({
      documents: (index) => [rateLimit(index, Number(limit), per, [`request.headers["${header}"]`])],
    }),
  ],
  [
    /^mirror (?:100 % )?to (?:a|an|another|the) (?:\w+ )?service$/,
    () => ({ documents: (index) => mirrorTo(index, mirrorHost(index)) }),
  ],
  [
    /^service answers with (?:header )?([\w-]+): ([^,;]+)$/,
    (name = "", value = "") => ({ behaviour: () => ({ headers: { [name]: value } }) }),
  ],
];

/** What a case says in words of its setting, or null where nobody knows how to arrange it. */
export function arrangementOf(words: string | undefined): Arrangement | null {
  if (words === undefined) return NOTHING;
  const known = ARRANGED.get(words);
  if (known !== undefined) return known;
  for (const [pattern, made] of PATTERNS) {
    const found = pattern.exec(words);
    if (found !== null) return made(...found.slice(1));
  }
  return null;
}

/** Hosts of the outside world that single arrangements speak of. */
export function standingHosts(secondJwks: unknown): readonly (readonly [string, OutsideHost])[] {
  return [
    ["refusing.issuer.test", refusing],
    ["failing.issuer.test", () => new Response("no", { status: 500 })],
    ["redirecting.issuer.test", () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1/" } })],
    ["second.issuer.test", () => Response.json(secondJwks)],
    ["partner.issuer.test", async () => Response.json(await bundleOf(["partner", "ended partner"]))],
  ];
}
