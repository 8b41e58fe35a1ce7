import type { Root, SignedRoot } from "../../src/snapshot/model.ts";
import { send } from "../support/http.ts";
import { until } from "../support/until.ts";
import { fleet, WATCHED } from "./fleet.ts";
import type { FaultMesh } from "./mesh.ts";
import { exactly, type Figure } from "./row.ts";
import type { Stage } from "./stage.ts";
import { hostOf, serviceOf, world } from "./world.ts";

/** What an isolate holds, as it came from its cell, and how its neighbour got a slice that it lacks. */
export interface Held {
  readonly mesh: FaultMesh;
  readonly signed: SignedRoot;
  readonly root: Root;
  /** Of a host that it serves. */
  readonly warm: HeldSlice;
  /** Of one that it knows by name alone. */
  readonly cold: HeldSlice;
}

interface HeldSlice {
  readonly scope: string;
  readonly host: string;
  readonly id: string;
  readonly text: string;
}

/** What comes of an exchange, but for the root and slices. */
export interface Down {
  readonly root: (SignedRoot & { readonly pad?: number }) | null;
  readonly slices: Readonly<Record<string, string>>;
}

/** So many isolates, of a gateway each, are given something else. */
export const ISOLATES = 10;
/** One that serves also what they lack. */
const NEIGHBOUR = "g20";

/** What an isolate is given, and how many lines of the log must tell that it was refused. */
export interface Given {
  readonly down: Down;
  readonly lines: number;
}

/** Denies `/shut` of the row's host. */
export const shut = (id: string): string =>
  JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "shut", namespace: id.toLowerCase() },
    spec: {
      action: "DENY",
      targetRefs: [{ kind: "ServiceEntry", group: "networking.istio.io", name: "service" }],
      rules: [{ to: [{ operation: { paths: ["/shut"] } }] }],
    },
  });

/** A second host of the row's service. */
const lacking = (id: string): string =>
  JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "lacking", namespace: id.toLowerCase() },
    spec: {
      hosts: [hostOf(`${id}-cold`)],
      gateways: ["default/front"],
      http: [{ route: [{ destination: { host: serviceOf(id) } }] }],
    },
  });

const rest = { unknown: false, ejections: [], suspects: [], nextMs: 1_000 };

/**
 * Isolates that serve a host get these in place of what their cell says, while somebody asks for a host that they lack: each must
 * be refused whole, and what they serve is served on as before.
 *
 * @param id of the row @param more objects of it
 * @param downs what comes instead, to one of `ISOLATES`, and how many lines of the log tell of it
 */
export async function refusals(
  stage: Stage,
  id: string,
  more: readonly string[],
  downs: (held: Held, number: number) => Promise<readonly Given[]>,
): Promise<readonly Figure[]> {
  const [mesh, upstream] = [await fleet(stage), await stage.upstream()];
  const isolates = WATCHED.slice(0, ISOLATES);
  await mesh.mustApply([world(id, [upstream.port]), shut(id), lacking(id), ...more].join("\n---\n"));
  await mesh.settled([...isolates, NEIGHBOUR]);
  await served(mesh, NEIGHBOUR, hostOf(`${id}-cold`));
  const outcomes = await Promise.all(
    isolates.map(async (gateway, number) => {
      await served(mesh, gateway, hostOf(id));
      const held = await heldBy(mesh, gateway, id);
      return outcomeOf(mesh, gateway, id, await downs(held, number));
    }),
  );
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((all, each) => all + of(each), 0);
  const codes = [...new Set(outcomes.flatMap((outcome) => outcome.codes))].toSorted().join(", ");
  return [
    exactly(
      `lines of ${sum(({ given }) => given)} refused (${codes})`,
      sum(({ refused }) => refused),
      sum(({ lines }) => lines),
    ),
    exactly(
      "decided otherwise meanwhile",
      sum(({ wrong }) => wrong),
      0,
    ),
    exactly(
      "isolates that died",
      sum(({ died }) => died),
      0,
    ),
  ];
}

interface Outcome {
  readonly given: number;
  /** That there must be. */
  readonly lines: number;
  readonly refused: number;
  readonly codes: readonly string[];
  readonly wrong: number;
  readonly died: number;
}

async function outcomeOf(mesh: FaultMesh, gateway: string, id: string, given: readonly Given[]): Promise<Outcome> {
  const ask = async (host: string, path = "/"): Promise<number> =>
    (await send(`http://127.0.0.1:${mesh.portOf(gateway)}${path}`, { host })).status;
  const { isolates } = await mesh.seen(gateway);
  const refused = (): readonly string[] =>
    mesh.lines.filter((line) => line.includes('"snapshot_rejected"') && line.includes(`"gateway":"${gateway}"`));
  const before = refused().length;
  const values = given.map(({ down }) => ({ ...rest, ...down }));
  const left = async (): Promise<number> => (await mesh.seen(gateway)).left["cell"] ?? 0;
  await mesh.fault("cell", { kind: "answersInTurn", values, methods: ["exchange"] }, gateway);
  let wrong = 0;
  while ((await left()) > 0) {
    const statuses = await Promise.all([ask(hostOf(id)), ask(hostOf(id), "/shut"), ask(hostOf(`${id}-cold`))]);
    const [open, closed, lacked] = statuses;
    if (open !== 200 || closed !== 403) wrong += 1;
    if (lacked !== 503 && (await left()) > 0) wrong += 1;
  }
  const lines = given.reduce((sum, each) => sum + each.lines, 0);
  await until("the last line", () => refused().length - before >= lines, 2_000).catch(() => undefined);
  await served(mesh, gateway, hostOf(`${id}-cold`));
  const after = await mesh.seen(gateway);
  return {
    given: given.length,
    lines,
    refused: refused().length - before,
    codes: refused()
      .slice(before)
      .map((line) => (JSON.parse(line) as { code: string }).code),
    wrong,
    died: after.isolates.filter((isolate) => !isolates.includes(isolate)).length,
  };
}

async function served(mesh: FaultMesh, gateway: string, host: string): Promise<void> {
  const url = `http://127.0.0.1:${mesh.portOf(gateway)}/`;
  await until(`${gateway} to serve ${host}`, async () => (await send(url, { host })).status === 200);
}

async function heldBy(mesh: FaultMesh, gateway: string, id: string): Promise<Held> {
  const signed = await until("a root", async () => (await mesh.seen(gateway)).news.root);
  const root = JSON.parse(signed.payload) as Root;
  const slice = async (host: string, of: string): Promise<HeldSlice> => {
    const [scope, sliceId] = placeOf(root, host);
    const text = await until(`the slice of ${host}`, async () => (await mesh.seen(of)).news.slices?.[sliceId]);
    return { scope, host, id: sliceId, text };
  };
  const [warm, cold] = [await slice(hostOf(id), gateway), await slice(hostOf(`${id}-cold`), NEIGHBOUR)];
  return { mesh, signed, root, warm, cold };
}

function placeOf({ scopes }: Root, host: string): readonly [scope: string, id: string] {
  for (const [scope, hosts] of Object.entries(scopes)) {
    const id = hosts[host];
    if (typeof id === "string") return [scope, id];
  }
  throw new Error(`no scope of the root lists ${host}`);
}

/** The root in use with another slice for the host that is served. */
export async function withSlice({ mesh, root, warm }: Held, text: string, id: string): Promise<Down> {
  const hosts = { ...root.scopes[warm.scope], [warm.host]: id };
  const signed = await mesh.sign({ ...root, scopes: { ...root.scopes, [warm.scope]: hosts } });
  return { root: signed, slices: { [id]: text } };
}
