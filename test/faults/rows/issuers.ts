import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { type Answers, type Issuer, Issuers } from "../issuer.ts";
import type { LoadRequest, Statuses } from "../load.ts";
import { atMost, exactly, type Row } from "../row.ts";
import { hostOf, world } from "../world.ts";

const TROUBLES: readonly Exclude<Answers, "well">[] = ["not", "late", "HTML", "10 MB"];
const FORGED = 20;
/** They wait for keys that come late, beside those that do not. */
const CONNECTIONS = 60;
const AT_ONCE = 50;
/** 30 s, but for what a fetch takes on its way: the gateway counts from when it begins. */
const WINDOW_MS = 29_000;

const policies = (issuers: readonly Issuer[]): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: f40 }
spec:
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  jwtRules: ${JSON.stringify(issuers.map(({ name, uri }) => ({ issuer: name, jwksUri: uri })))}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: somebody, namespace: f40 }
spec:
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  rules: [{ from: [{ source: { requestPrincipals: ["*"] } }] }]
`;

const withToken = (token: string): LoadRequest => ({
  host: hostOf("F40"),
  headers: { authorization: `Bearer ${token}` },
});

/** How many of these ended in another way. */
const othersThan = (status: number, all: readonly Statuses[]): number =>
  all
    .flatMap((statuses) => Object.entries(statuses))
    .reduce((sum, [code, count]) => (code === String(status) ? sum : sum + count), 0);

export const ISSUER_ROWS: readonly Row[] = [
  {
    id: "F40",
    fault: "the issuer's keys are away, late, HTML or 10 MB, or change",
    promise: "one fetch for all, two in 30 s whatever the tokens, and no good token is refused",
    short: true,
    async run(stage) {
      const [mesh, upstream, issuers] = [await stage.mesh(), await stage.upstream(), await Issuers.start()];
      stage.atEnd(async () => issuers.stop());
      const troubled = TROUBLES.map((answers) => ({ answers, issuer: issuers.make(answers.replace(" ", "-")) }));
      const [never, rotating] = [issuers.make("never"), issuers.make("rotating")];
      never.answers = "not";
      const all = [...troubled.map(({ issuer }) => issuer), never, rotating];
      await mesh.mustApply(`${world("F40", [upstream.port])}\n---${policies(all)}`);
      await mesh.settled();
      const ask = async (token: string): Promise<number> => {
        const { host, headers = {} } = withToken(token);
        return (await send(`http://127.0.0.1:${mesh.portOf()}/`, { host, headers })).status;
      };
      // Not before the policies are there, too: nobody comes in without a token.
      await until("the policies", async () => (await ask("x")) === 401);
      const first = await rotating.token();
      const together = await Promise.all(Array.from({ length: AT_ONCE }, async () => ask(first)));
      const fetchesOfAll = rotating.fetches.length;
      for (const { issuer, answers } of troubled) {
        if ((await ask(await issuer.token())) !== 200) throw new Error(`${issuer.name} was not known before`);
        issuer.answers = answers;
      }

      const tokens = await Promise.all(
        troubled.map(async ({ issuer }) => ({
          good: await issuer.token(),
          forged: await Promise.all(Array.from({ length: FORGED }, async () => issuer.forged())),
        })),
      );
      const unknown = await never.token();
      const requests = Array.from({ length: FORGED }, (_, at) => [
        ...tokens.flatMap(({ good, forged }) => [withToken(good), withToken(forged[at] ?? "")]),
        withToken(unknown),
      ]).flat();
      const each = TROUBLES.length * 2 + 1;
      const { byRequest } = await stage.load(mesh.portOf(), requests, { connections: CONNECTIONS });
      const good = byRequest.filter((_, at) => at % each < each - 1 && (at % each) % 2 === 0);
      const bad = byRequest.filter((_, at) => at % each === each - 1 || (at % each) % 2 === 1);
      for (const { issuer } of troubled)
        if (issuer.fetches.length < 2) throw new Error(`${issuer.name} was not asked in its trouble`);

      rotating.rotate();
      const [before, after] = [withToken(first), withToken(await rotating.token())];
      const half = Math.floor(stage.rate / 2);
      const turned = [...Array.from({ length: half }, () => before), ...Array.from({ length: half }, () => after)];
      const rotated = await stage.load(mesh.portOf(), turned, { seconds: 1 });
      return [
        exactly(`refused of ${AT_ONCE} good ones that came at once`, together.filter((code) => code !== 200).length, 0),
        exactly("fetches for them", fetchesOfAll, 1),
        exactly("good tokens refused while keys can't be had", othersThan(200, good), 0),
        exactly("forged tokens, and those of an issuer that was never there, not refused", othersThan(401, bad), 0),
        atMost(
          "fetches of one issuer's keys in 30 s",
          Math.max(...all.map((issuer) => issuer.mostWithin(WINDOW_MS))),
          2,
        ),
        exactly(`good tokens refused of ${rotated.sent} when the key changed`, othersThan(200, rotated.byRequest), 0),
      ];
    },
  },
];
