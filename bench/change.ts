import { generateKeyPairSync, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import {
  COMPATIBILITY_DATE,
  CONTROL,
  controlWorker,
  gatewayWorker,
  migrate,
  stateWorker,
} from "../edge/miniflare-workers.ts";
import { moduleFrom } from "../edge/workers.ts";

const GATEWAYS = 50;
const LOCATIONS = 10;
const CHANGES = 20;
/** Each gateway gets a request this often: what is measured is no finer. */
const EVERY_MS = 250;
/** A change that some isolate does not obey by then is not obeyed. */
const GIVEN_UP_MS = 30_000;
const CALLER = "change-caller";

export interface ChangeTimes {
  /** Milliseconds from the apply's answer to the first answer by the new policy, of each gateway at each change. */
  readonly each: readonly number[];
  /** The same to the last gateway's, of each change. */
  readonly last: readonly number[];
}

/**
 * How long it takes until a change is obeyed by 50 gateways over 10 locations, each with some requests a second: the mesh's real
 * control, state and gateways in one runtime. The policy is what the gateway answers by itself, so that nothing else is measured.
 */
export async function changeTimes(): Promise<ChangeTimes> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const secrets = {
    bootstrap: randomBytes(32).toString("base64url"),
    keyEncryption: randomBytes(32).toString("base64url"),
    snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
  };
  const socket = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };
  const names = Array.from({ length: GATEWAYS }, (_, index) => `change-gateway-${index}`);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      handleStructuredLogs: () => undefined,
      workers: [
        {
          name: CALLER,
          modules: await moduleFrom("bench/workers/change-caller.ts"),
          compatibilityDate: COMPATIBILITY_DATE,
          serviceBindings: Object.fromEntries(
            names.map((name, index) => [
              `G${index}`,
              { name, entrypoint: "MeshEntrypoint", props: { namespace: "default", serviceAccount: "caller" } },
            ]),
          ),
          ...socket,
        },
        ...(await Promise.all(
          names.map(async (name, index) => {
            const worker = await gatewayWorker(name, publicKey.export({ format: "jwk" }).x ?? "");
            return { ...worker, bindings: { ...worker.bindings, TULLE_LOCAL: `LOC${index % LOCATIONS}` } };
          }),
        )),
        await stateWorker(),
        { ...(await controlWorker(secrets, "cluster.local", true)), ...socket },
      ],
    }),
  );
  try {
    await miniflare.ready;
    await migrate(miniflare);
    const control = (await miniflare.unsafeGetDirectURL(CONTROL)).origin;
    const caller = (await miniflare.unsafeGetDirectURL(CALLER)).origin;
    return await measured(caller, await applier(control, secrets.bootstrap));
  } finally {
    await miniflare.dispose();
  }
}

async function measured(caller: string, apply: (version: number) => Promise<void>): Promise<ChangeTimes> {
  const seen = Array.from({ length: GATEWAYS }, () => ({ version: -1, at: 0 }));
  const running = { is: true };
  const ask = async (index: number): Promise<void> => {
    const answer = await fetch(`${caller}/${index}`);
    const version = Number(/^version (\d+)$/.exec(await answer.text())?.[1] ?? -1);
    if (version > (seen[index]?.version ?? 0)) seen[index] = { version, at: performance.now() };
  };
  const load = seen.map(async (_, index) => {
    await sleep((index * EVERY_MS) / GATEWAYS);
    while (running.is) {
      const next = sleep(EVERY_MS);
      await ask(index);
      await next;
    }
  });
  try {
    await apply(0);
    await obeyed(seen, 0);
    const [each, last]: [number[], number[]] = [[], []];
    for (let version = 1; version <= CHANGES; version += 1) {
      // Not always at the same time of the second in which isolates and cells ask.
      await sleep(1_000 + ((version * 617) % 1_000));
      await apply(version);
      const began = performance.now();
      await obeyed(seen, version);
      const times = seen.map(({ at }) => Math.max(0, at - began));
      each.push(...times);
      last.push(Math.max(...times));
    }
    return { each, last };
  } finally {
    running.is = false;
    await Promise.allSettled(load);
  }
}

async function obeyed(seen: readonly { readonly version: number }[], version: number): Promise<void> {
  const until = performance.now() + GIVEN_UP_MS;
  while (seen.some((one) => one.version < version)) {
    if (performance.now() > until) throw new Error(`version ${version} is not obeyed by all within ${GIVEN_UP_MS} ms`);
    await sleep(10);
  }
}

async function applier(control: string, secret: string): Promise<(version: number) => Promise<void>> {
  const post = async (path: string, token: string, body?: string): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/yaml" };
    const answer = await fetch(control + path, { method: "POST", headers, ...(body !== undefined && { body }) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
    return answer;
  };
  const { token } = (await (await post("/api/v1/bootstrap", secret)).json()) as { readonly token: string };
  return async (version) => {
    await post("/api/v1/apply", token, policy(version));
  };
}

function policy(version: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: changed, namespace: default }
spec: { ports: [{ port: 80, name: http }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: changed, namespace: default }
spec:
  hosts: [changed]
  http:
    - directResponse: { status: 200, body: { string: "version ${version}" } }
`;
}
