import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { propsOf, RpcMesh, type RpcWorld, serviceOf, through } from "./rpc-mesh.ts";

const CALLERS = 200;
/** So many that each of two endpoints is called, save once in 2^59 times. */
const CALLS = 60;
/** Of the route whose calls are given up. */
const TIMEOUT_MS = 10_000;

const WORKERS = "test/rpc/workers";

/** One error ejects an endpoint for good; a call goes to the endpoint with fewer calls; so many run, so many wait. */
const rules = (service: string, running: number, errors = 1) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${service}-v2, namespace: shop }
spec: { address: "binding:EP_${service.toUpperCase()}_V2", labels: { app: ${service}, version: v2 }, serviceAccount: ${service} }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${service}, namespace: shop }
spec:
  host: ${service}
  trafficPolicy:
    loadBalancer: { simple: LEAST_REQUEST }
    connectionPool: { tcp: { maxConnections: ${running} }, http: { http1MaxPendingRequests: ${CALLERS} } }
    outlierDetection: { consecutive5xxErrors: ${errors}, interval: 1h, baseEjectionTime: 1h, maxEjectionPercent: 100 }
`;

const TIMED = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: timed, namespace: shop }
spec:
  hosts: [timed]
  http: [{ timeout: ${TIMEOUT_MS}ms, route: [{ destination: { host: timed } }] }]
`;

const SERVICES = ["wide", "narrow", "timed"];

const WORLD: RpcWorld = {
  workers: [
    {
      name: "killed",
      entry: `${WORKERS}/killed.ts`,
      bindings: {
        DOOR: { name: "held", entrypoint: "Doorkeeper" },
        ...Object.fromEntries(SERVICES.map((service) => [service, through(propsOf("killed", service))])),
      },
    },
    { name: "held", entry: `${WORKERS}/held.ts` },
  ],
  endpoints: Object.fromEntries(
    SERVICES.flatMap((service) =>
      ["v1", "v2"].map((version) => [
        `EP_${service}_${version}`.toUpperCase(),
        { name: "held", props: { version: `${service}-${version}` } },
      ]),
    ),
  ),
  resources: [
    ...SERVICES.map(serviceOf),
    rules("wide", CALLERS),
    rules("narrow", 1),
    rules("timed", CALLERS),
    rules("timed", CALLERS, 0),
    TIMED,
  ].join("\n---\n"),
};

interface Counts {
  readonly began: number;
  readonly answered: number;
  readonly disposed: number;
  readonly byVersion: Readonly<Record<string, number>>;
}

// What the platform does not tell a gateway is that its caller is gone: a call of Workers RPC ends by its answer, or its deadline.
describe(`${CALLERS} callers that are killed in mid-call`, () => {
  let mesh: RpcMesh;
  let port = 0;

  beforeAll(async () => {
    mesh = await RpcMesh.start(WORLD);
    port = await mesh.portOf("killed");
  });
  afterAll(() => mesh?.stop());

  async function door(does: "open" | "close" | "counts"): Promise<Counts> {
    const answer = await (await mesh.worker("killed")).fetch(`http://killed/door/${does}`);
    return (await answer.json()) as Counts;
  }

  async function ask(path: string): Promise<string> {
    return (await (await mesh.worker("killed")).fetch(`http://killed/${path}`)).text();
  }

  /** A client of the calling Worker: with it, the runtime ends what the Worker does. */
  function dial(path: string): Socket {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(`GET /${path} HTTP/1.1\r\nHost: killed\r\n\r\n`);
    return socket;
  }

  async function kill(sockets: readonly Socket[]): Promise<void> {
    await Promise.all(
      sockets.map(async (socket) => {
        const closed = new Promise((resolve) => socket.once("close", resolve));
        socket.resetAndDestroy();
        await closed;
      }),
    );
  }

  /**
   * So many run at once: no slot was kept. Then each endpoint is called: none is ejected, none counted as busy for ever. And
   * whatever the service gave, it is let go of.
   */
  async function expectNothingLeft(service: string, running: number): Promise<void> {
    const { began } = await door("close");
    const calls = Array.from({ length: running }, async () => ask(`${service}/hold`));
    await until(`${running} calls at once`, async () => (await door("counts")).began === began + running);
    await door("open");
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["answered"]));
    const versions = new Set<string>();
    for (let call = 0; call < CALLS; call += 1) versions.add(await ask(`${service}/quick`));
    expect([...versions].toSorted()).toEqual([`${service}-v1`, `${service}-v2`]);
    await until("each answer to be let go of", async () => {
      const { answered, disposed } = await door("counts");
      return disposed === answered;
    });
  }

  const linesOf = (service: string, method: string) =>
    mesh.lines.filter(({ path, authority }) => path === `/default/${method}` && authority.startsWith(`${service}.`));

  it.each(["hold", "held"])("each call ends with its answer (%s)", async (method) => {
    const before = await door("close");
    const [lines, sockets] = [
      linesOf("wide", method).length,
      Array.from({ length: CALLERS }, () => dial(`wide/${method}`)),
    ];
    await until("all calls to have begun", async () => (await door("counts")).began === before.began + CALLERS);
    await kill(sockets);
    expect(linesOf("wide", method)).toHaveLength(lines);
    await door("open");
    await until("a line for each", () => linesOf("wide", method).length >= lines + CALLERS);
    expect(linesOf("wide", method)).toHaveLength(lines + CALLERS);
    expect((await door("counts")).answered).toBe(before.answered + CALLERS);
    await expectNothingLeft("wide", CALLERS);
  });

  it.each(["drink", "listen", "pour"])(
    "each call ends at once where the service waits for the caller (%s): nobody blames it",
    async (method) => {
      const before = await door("close");
      const sockets = Array.from({ length: CALLERS }, () => dial(`wide/${method}`));
      await until("all calls to have begun", async () => (await door("counts")).began === before.began + CALLERS);
      await kill(sockets);
      await until("a line for each", () => linesOf("wide", method).length >= CALLERS);
      const lines = linesOf("wide", method);
      expect(lines).toHaveLength(CALLERS);
      expect(new Set(lines.map(({ status, details }) => `${status} ${details}`))).toEqual(
        new Set(["500 application_error"]),
      );
      await expectNothingLeft("wide", CALLERS);
    },
  );

  it("each call ends by its deadline where no answer comes", async () => {
    const before = await door("close");
    const sockets = Array.from({ length: CALLERS }, () => dial("timed/hold"));
    await until("all calls to have begun", async () => (await door("counts")).began === before.began + CALLERS);
    await kill(sockets);
    await until("a line for each", () => linesOf("timed", "hold").length >= CALLERS);
    const lines = linesOf("timed", "hold");
    expect(lines).toHaveLength(CALLERS);
    expect(new Set(lines.map(({ status, response_flags: flags }) => `${status} ${flags}`))).toEqual(
      new Set(["504 UT"]),
    );
    await expectNothingLeft("timed", CALLERS);
    // Those of the health check alone: with its call, the runtime ends what the service does for it.
    expect((await door("counts")).answered).toBe(before.answered + CALLERS);
  });

  it("callers who are there hear of the deadline, and leave as little", async () => {
    await door("close");
    const said = await Promise.all(Array.from({ length: CALLERS }, async () => ask("timed/hold")));
    expect(new Set(said)).toEqual(new Set(["MeshTimeout: upstream request timeout"]));
    await expectNothingLeft("timed", CALLERS);
  });

  it("those that wait for a slot call nobody twice and hold nothing", async () => {
    const before = await door("close");
    const sockets = Array.from({ length: CALLERS }, () => dial("narrow/hold"));
    await until("the first call to have begun", async () => (await door("counts")).began === before.began + 1);
    await kill(sockets);
    await door("open");
    await until("a line for each", () => linesOf("narrow", "hold").length >= CALLERS);
    expect(linesOf("narrow", "hold")).toHaveLength(CALLERS);
    await expectNothingLeft("narrow", 1);
  });
});
