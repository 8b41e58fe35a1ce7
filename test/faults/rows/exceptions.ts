import { generateKeyPairSync } from "node:crypto";
import { Agent, request } from "node:http";
import { until } from "../../support/until.ts";
import type { MeshOptions } from "../mesh.ts";
import { shut } from "../refusals.ts";
import { atLeast, exactly, type Row } from "../row.ts";
import { answers } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

const BREAKS = "x-trial-breaks";
const TRIAL = "/trial";

/**
 * The gateway's code as it is deployed, each function of which throws at its first line where a request names it. Nothing of this
 * is in what is shipped.
 */
function breakable(code: string): string {
  let count = 0;
  const marked = code.replace(
    /^((?:async )?function\*? ([\w$]+)\([^\n]*\) \{|  (?:async )?(#?[\w$]+)\([^\n]*\) \{)$/gm,
    (line, head: string, name?: string, method?: string) => {
      if (method !== undefined && /^(?:if|for|while|switch|catch|constructor|super|function)$/.test(method))
        return line;
      count += 1;
      return `${head} __reach(${JSON.stringify(`${name ?? method}/${count}`)});`;
    },
  );
  return `
const __seen = new Set();
let __breaks = null;
let __threw = 0;
let __listens = false;
function __reach(name) {
  if (__listens) __seen.add(name);
  if (__breaks === name) { __breaks = null; __threw += 1; throw new Error("a fault of the trial"); }
}
export const __trial = {
  listen(on) { __listens = on; if (on) __seen.clear(); return [...__seen]; },
  breaks(name) { __breaks = name; },
  get threw() { return __threw; },
};
${marked}`;
}

const ENTRY = `
import deployed, { __trial } from "./deployed.js";
export { MeshEntrypoint } from "./deployed.js";
export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "${TRIAL}/on") return Response.json(__trial.listen(true));
    if (pathname === "${TRIAL}/off") return Response.json(__trial.listen(false));
    if (pathname === "${TRIAL}/threw") return Response.json(__trial.threw);
    const name = request.headers.get("${BREAKS}");
    __trial.breaks(name);
    return deployed.fetch(request, env, ctx);
  },
};`;

const ID = "F38";

const KEY = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });

/** Of many stages: tokens, headers, routes, retries. */
const STAGES = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: f38 }
spec:
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  jwtRules: [{ issuer: "https://issuer.example", jwks: '${JSON.stringify({ keys: [KEY] })}' }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: open, namespace: f38 }
spec:
  action: ALLOW
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  rules:
    - to: [{ operation: { paths: ["/", "/shut"], notMethods: [DELETE] } }]
      when: [{ key: "request.headers[x-case]", notValues: [bad] }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: breakers, namespace: f38 }
spec:
  host: f38.internal
  trafficPolicy:
    loadBalancer: { consistentHash: { httpHeaderName: x-user } }
    outlierDetection: { consecutive5xxErrors: 1000 }
`;

const ROUTE = {
  timeout: "10s",
  retries: { attempts: 1, retryOn: "503" },
  headers: { request: { set: { "x-route": "f38" } }, response: { remove: ["x-internal"] } },
};

export const EXCEPTION_ROWS: readonly Row[] = [
  {
    id: ID,
    fault: "exception in any function that a request goes through",
    promise: "closed, the isolate lives",
    short: true,
    async run(stage) {
      const changed: NonNullable<MeshOptions["changed"]> = (worker) =>
        worker.name === "one" ? { ...worker, modules: modulesOf(worker.modules) } : worker;
      const [mesh, upstream] = [await stage.ownMesh({ changed }), await stage.upstream()];
      let reached = 0;
      upstream.behaviour = (socket, path, ...rest) => {
        if (path.startsWith("/shut")) reached += 1;
        answers(socket, path, ...rest);
      };
      await mesh.mustApply([world(ID, [upstream.port], ROUTE), shut(ID), STAGES].join("\n---\n"));
      await mesh.settled();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      stage.atEnd(async () => agent.destroy());
      const ask = async (path: string, breaks?: string) => asked(mesh.portOf(), agent, path, breaks);
      for (const [path, status] of [
        ["/", 200],
        ["/shut", 403],
      ] as const)
        await until(path, async () => (await ask(path)).status === status);
      const { isolates } = await mesh.seen();

      await ask(`${TRIAL}/on`);
      for (let at = 0; at < 5; at += 1) for (const path of ["/", "/shut"]) await ask(path);
      const names = JSON.parse((await ask(`${TRIAL}/off`)).text) as readonly string[];
      const statuses = new Set<number>();
      let [allowed, broken, unwell] = [0, 0, 0];
      for (const name of names) {
        for (const path of ["/shut", "/"]) {
          const { status } = await ask(path, name);
          statuses.add(status);
          if (path === "/shut" && status === 200) allowed += 1;
          if (status === 0) broken += 1;
        }
        if ((await ask("/")).status !== 200) unwell += 1;
      }
      if ((await ask("/shut")).status !== 403) unwell += 1;
      const threw = Number((await ask(`${TRIAL}/threw`)).text);
      const after = await mesh.seen();
      return [
        atLeast(
          `functions that threw, of ${names.length} (answers: ${[...statuses].toSorted((one, other) => one - other).join(", ")})`,
          threw,
          100,
        ),
        exactly("denied requests that were allowed, or reached the service", allowed + reached, 0),
        exactly("answers that broke off", broken, 0),
        exactly("next requests that were not served", unwell, 0),
        exactly("isolates that died", after.isolates.filter((isolate) => !isolates.includes(isolate)).length, 0),
      ];
    },
  },
];

interface Asked {
  /** 0: no whole answer. */
  readonly status: number;
  readonly text: string;
}

async function asked(port: number, agent: Agent, path: string, breaks?: string): Promise<Asked> {
  const headers = { host: hostOf(ID), ...(breaks !== undefined && { [BREAKS]: breaks }) };
  return new Promise((resolve) => {
    const gone = (): void => resolve({ status: 0, text: "" });
    const call = request({ host: "127.0.0.1", port, path, headers, agent, timeout: 15_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", gone);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on("timeout", () => call.destroy());
    call.on("error", gone);
    call.end();
  });
}

function modulesOf(modules: unknown) {
  const [module] = modules as readonly { readonly contents: string }[];
  return [
    { type: "ESModule" as const, path: "index.js", contents: ENTRY },
    { type: "ESModule" as const, path: "deployed.js", contents: breakable(module?.contents ?? "") },
  ];
}
