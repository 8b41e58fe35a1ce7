import { importJWK, SignJWT } from "jose";
import { STATE } from "../../../edge/miniflare-workers.ts";
import { IdentityProvider } from "../../support/identity-provider.ts";
import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { setClock, withClock } from "../clocks.ts";
import { type Loaded, others } from "../load.ts";
import { exactly, type Row } from "../row.ts";
import { hostOf, world } from "../world.ts";

const TEN_MINUTES_MS = 600_000;
const ISSUER = "https://clocks.test";
const LIMIT = 20;
const WINDOW_MS = 10_000;
const ASKED = 3 * LIMIT;
/** Seconds from the end, or the beginning, of a token's time at the gateway's clock: within the leeway of 60 s, and past it. */
const [WITHIN, PAST] = [45, 75];
/** Where clocks go, one after the other: each alone, ahead, back, behind and back; then both. */
const JUMPS = [
  ...["one", STATE].flatMap((worker) => [1, 0, -1, 0].map((to) => [{ worker, to }])),
  ...[1, -1, 0].map((to) => ["one", STATE].map((worker) => ({ worker, to }))),
];

const policies = (jwks: string): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: f39 }
spec:
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  jwtRules: [{ issuer: "${ISSUER}", jwks: '${jwks}' }]
---
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: limits, namespace: f39 }
spec:
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  limits:
${["Global", "Location", "Local"]
  .map(
    (scope) => `
  - { name: ${scope.toLowerCase()}, scope: ${scope}, when: 'request.url_path == "/${scope}"', rates: [{ limit: ${LIMIT}, window: ${WINDOW_MS / 1_000}s }] }`,
  )
  .join("")}
`;

export const CLOCK_ROWS: readonly Row[] = [
  {
    id: "F39",
    fault: "a clock 10 min ahead or behind, and jumps at run time",
    promise:
      "tokens are judged with 60 s of leeway; no rate window is negative, and none is passed by more than one more",
    short: true,
    async run(stage) {
      const upstream = await stage.upstream();
      const mesh = await stage.ownMesh({ changed: withClock });
      const key = IdentityProvider.newKey("first");
      const { d: _, ...published } = key;
      await mesh.mustApply(`${world("F39", [upstream.port])}\n---${policies(JSON.stringify({ keys: [published] }))}`);
      await mesh.settled();

      const host = hostOf("F39");
      const statusOf = async (token: string): Promise<number> =>
        (await send(`http://127.0.0.1:${mesh.portOf()}/`, { host, headers: { authorization: `Bearer ${token}` } }))
          .status;
      /** @param times seconds from the world's now */
      const token = async (times: { readonly exp: number; readonly nbf?: number }): Promise<string> => {
        const now = Math.floor(Date.now() / 1_000);
        const claims = { exp: now + times.exp, ...(times.nbf !== undefined && { nbf: now + times.nbf }) };
        const unsigned = new SignJWT({ iss: ISSUER, sub: "somebody", ...claims });
        return unsigned.setProtectedHeader({ alg: "ES256", kid: "first" }).sign(await importJWK(key, "ES256"));
      };
      await until("the policies", async () => (await statusOf("x")) === 401);

      let misjudged = "";
      const judge = async (what: string, given: string, wanted: number): Promise<void> => {
        const status = await statusOf(given);
        if (status !== wanted) misjudged += ` ${what}: ${status}`;
      };
      const tenMinutes = TEN_MINUTES_MS / 1_000;
      const [known, other] = [await token({ exp: 300 }), await token({ exp: 301 })];
      await judge("known", known, 200);
      await judge("another", other, 200);
      await setClock(mesh, "one", TEN_MINUTES_MS);
      await judge("known, ahead", known, 401);
      await judge("ended within the leeway", await token({ exp: tenMinutes - WITHIN }), 200);
      await judge("ended before the leeway", await token({ exp: tenMinutes - PAST }), 401);
      await setClock(mesh, "one", -TEN_MINUTES_MS);
      await judge("another, behind", other, 200);
      await judge("begins within the leeway", await token({ exp: 300, nbf: WITHIN - tenMinutes }), 200);
      await judge("begins after the leeway", await token({ exp: 300, nbf: PAST - tenMinutes }), 401);
      await setClock(mesh, "one", 0);

      let [crashed, bypassed] = [0, ""];
      for (const scope of ["Global", "Location", "Local"]) {
        for (const jumps of [[], ...JUMPS]) {
          for (const { worker, to } of jumps) await setClock(mesh, worker, to * TEN_MINUTES_MS);
          const began = performance.now();
          const requests = [{ host, path: `/${scope}` }];
          const loaded: Loaded = await stage.load(mesh.portOf(), requests, { rate: 1_000, seconds: ASKED / 1_000 });
          crashed += others(loaded, 200, 429);
          const passed = loaded.statuses[200] ?? 0;
          // What comes back meanwhile, and one window more after a jump.
          const refilled = Math.ceil((LIMIT * (performance.now() - began)) / WINDOW_MS);
          if (passed > LIMIT + refilled + 1) bypassed += ` ${scope} ${JSON.stringify(jumps)}: ${passed}`;
        }
      }
      return [
        exactly("tokens judged otherwise", misjudged, ""),
        exactly(`answers but 200 and 429, of ${ASKED * 3 * (JUMPS.length + 1)}`, crashed, 0),
        exactly("more than a window let in after a jump", bypassed, ""),
      ];
    },
  },
];
