import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { z } from "zod";
import { ask, type Client, connect } from "./client.ts";
import { CommandError } from "./command-error.ts";
import { shortDuration } from "./duration.ts";
import { type GlobalOptions, positiveNumber } from "./options.ts";
import { complain, print, printStructured, printTable, type Style, tell } from "./output.ts";

interface StatusOptions extends GlobalOptions {
  readonly check?: true;
  /** Seconds; true: the default. */
  readonly wait?: number | true;
}

const DEFAULT_WAIT_SECONDS = 30;
const POLL_MS = 250;
/** A gateway that is alive asks for news more often than this. */
const ALIVE_MS = 10_000;
/** Control keeps in memory who asks for news, and forgets it when it sleeps; who is alive has asked again in this time. */
const REMEMBERED_MS = 3_000;

const Gateway = z.object({
  gateway: z.string(),
  generation: z.number().nullable(),
  have: z.number().nullable(),
  refused: z.object({ code: z.string(), count: z.number() }).nullish(),
  seenAt: z.string().nullable(),
  format: z.number(),
  bindings: z.array(z.string()),
  problem: z.string().nullable(),
  // Older controls do not tell these.
  version: z.string().nullish(),
  stateVersions: z.array(z.string()).optional(),
});
const Neighbour = z.object({
  trustDomain: z.string(),
  authorities: z.array(z.string()),
  sequence: z.number().nullable(),
  fetchedAt: z.string().nullable(),
  problem: z.string().nullable(),
});
type Neighbour = z.infer<typeof Neighbour>;
const MeshStatus = z.looseObject({
  generation: z.number(),
  resourceVersion: z.string(),
  version: z.string().optional(),
  migrations: z.array(z.string()).optional(),
  gateways: z.array(Gateway),
  federation: z.array(Neighbour).optional(),
});
type Gateway = z.infer<typeof Gateway>;
type MeshStatus = z.infer<typeof MeshStatus>;

export interface Seen {
  readonly status: MeshStatus;
  /** Epoch ms by control's clock. */
  readonly at: number;
}

export function addStatus(program: Command): void {
  program
    .command("status")
    .description("the mesh's generation, and which one each gateway has")
    .option("--check", "exit with 1 where a gateway in use is behind, or one has a problem")
    .option(
      "--wait [seconds]",
      `wait until the gateways in use have what is stored now (default: ${DEFAULT_WAIT_SECONDS})`,
      positiveNumber,
    )
    .addHelpText("after", "\nExample:\n  $ tulle apply -f policies/ && tulle status --wait 10")
    .action(async (_: unknown, command: Command) => status(command.optsWithGlobals<StatusOptions>()));
}

async function status({ check, wait, ...options }: StatusOptions): Promise<void> {
  const client = connect(options);
  const last = wait === undefined ? await readStatus(client) : await untilCurrent(client, wait);
  await show(last, options);
  // Nothing is wrong with them: who has just begun would look for a fault.
  const { gateways } = last.status;
  if (
    wait === undefined &&
    options.output === "table" &&
    gateways.length > 0 &&
    gateways.every(({ seenAt }) => seenAt === null)
  )
    tell("gateways look for news when they are called: send a request, and they show here");
  if (check && last.status.gateways.some((gateway) => isLate(gateway, wantedOf(gateway, last.status), last.at)))
    process.exitCode = 1;
}

export async function readStatus(client: Client): Promise<Seen> {
  const { value, at } = await ask(client, { path: "/status" }, MeshStatus);
  return { status: value, at };
}

/**
 * Waits until the gateways in use have what is stored now; what is stored meanwhile is not waited for. Those that nobody has
 * called for a while are not waited for: they look for news at their next request.
 *
 * @param wait seconds; true: the default
 * @throws CommandError where time is up
 */
export async function untilCurrent(client: Client, wait: number | true): Promise<Seen> {
  const seconds = wait === true ? DEFAULT_WAIT_SECONDS : wait;
  const first = await readStatus(client);
  const start = first.status.generation;
  const begin = performance.now();
  for (let seen = first; ; seen = await readStatus(client)) {
    const waited = performance.now() - begin;
    const waitsFor = whoIsLate(seen, start, waited >= Math.min(REMEMBERED_MS, seconds * 1_000));
    if (waitsFor === null) return seen;
    if (waited >= seconds * 1_000) throw new CommandError(`not current after ${seconds} s: ${waitsFor}`);
    await setTimeout(POLL_MS);
  }
}

/**
 * @param remembered whether control has had the time to see who is alive
 * @returns null where nobody is waited for
 */
function whoIsLate({ status, at }: Seen, generation: number, remembered: boolean): string | null {
  if (status.gateways.length === 0)
    return "no gateway was ever seen; start one (`tulle dev`), or look at the log of the one that runs";
  if (!remembered && status.gateways.every(({ seenAt }) => seenAt === null)) return "no gateway was seen lately";
  const alive = status.gateways.filter((gateway) => isAlive(gateway, at));
  if (alive.length === 0)
    complain(
      "warning",
      `no gateway was called in the last ${ALIVE_MS / 1_000} s; each looks for news at its next request`,
    );
  const late = alive.flatMap((gateway) => {
    const wanted = Math.min(wantedOf(gateway, status), generation);
    return isLate(gateway, wanted, at) ? [`\`${gateway.gateway}\`: ${stateOf(gateway, wanted, at).text}`] : [];
  });
  return late.length === 0 ? null : `${late.join(", ")}; the log of each gateway says more`;
}

/** The newest generation that is made for a gateway: older than the mesh's where the last changes leave it alone. */
export function wantedOf(gateway: Gateway, status: MeshStatus): number {
  return gateway.generation ?? status.generation;
}

function isAlive({ seenAt }: Gateway, at: number): boolean {
  return seenAt !== null && at - Date.parse(seenAt) <= ALIVE_MS;
}

/** One without requests asks for nothing, and gets the newest with the next request. */
function isLate(gateway: Gateway, wanted: number, at: number): boolean {
  return gateway.problem !== null || (isAlive(gateway, at) && (gateway.have ?? 0) < wanted);
}

/** How it is with a gateway's configuration, in words. @param at epoch ms by control's clock */
export function stateOf(
  gateway: Gateway,
  wanted: number,
  at: number,
): { readonly text: string; readonly style: Style } {
  const { problem, seenAt, have, refused } = gateway;
  if (problem !== null) return { text: problem, style: "red" };
  if (seenAt === null) return { text: "not seen lately", style: "dim" };
  const behind = wanted - (have ?? 0);
  if (behind <= 0) return { text: "current", style: "green" };
  if (refused) return { text: `behind by ${behind}, refuses what comes: ${refused.code}`, style: "red" };
  return isAlive(gateway, at)
    ? { text: `behind by ${behind}`, style: "yellow" }
    : { text: `idle, behind by ${behind}`, style: "dim" };
}

async function show({ status, at }: Seen, { output }: GlobalOptions): Promise<void> {
  if (await printStructured(output, status)) return;
  print(`mesh generation ${status.generation}`);
  if (status.gateways.length === 0) tell("no gateway has registered yet");
  else printGateways(status, at);
  printFederation(status.federation ?? [], at);
}

function printFederation(neighbours: readonly Neighbour[], at: number): void {
  if (neighbours.length === 0) return;
  printTable(
    [
      { head: "TRUST DOMAIN", shrinks: "front" },
      { head: "AUTHORITIES", rank: 2 },
      { head: "SEQUENCE", rank: 3 },
      { head: "FETCHED", rank: 1 },
      { head: "STATE", shrinks: "end" },
    ],
    neighbours.map(({ trustDomain, authorities, sequence, fetchedAt, problem }) => [
      trustDomain,
      String(authorities.length),
      sequence === null ? "-" : String(sequence),
      fetchedAt === null ? "-" : shortDuration(at - Date.parse(fetchedAt)),
      problem === null
        ? { text: fetchedAt === null ? "not fetched yet" : "current", style: fetchedAt === null ? "dim" : "green" }
        : { text: problem, style: "red" },
    ]),
  );
}

function printGateways(status: MeshStatus, at: number): void {
  printTable(
    [
      { head: "GATEWAY", shrinks: "front" },
      "GENERATION",
      { head: "LAST SEEN", rank: 1 },
      { head: "FORMAT", rank: 2 },
      { head: "STATE", shrinks: "end" },
    ],
    status.gateways.map((gateway) => [
      gateway.gateway,
      gateway.have === null ? "-" : String(gateway.have),
      gateway.seenAt === null ? "-" : shortDuration(at - Date.parse(gateway.seenAt)),
      String(gateway.format),
      stateOf(gateway, wantedOf(gateway, status), at),
    ]),
  );
}
