import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AgentEvent } from "../../agent/log.ts";
import type { AgentOptions, In, InListener, Out, OutListener, Registration } from "../../agent/options.ts";
import { takeLock } from "../../project/lock.ts";
import { isDnsLabel } from "../../src/resources/names.ts";
import { makeJoinToken, ttl } from "./certificates.ts";
import { type Client, connect } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { collect, collected, dnsLabel, type GlobalOptions } from "./options.ts";
import { print, tell } from "./output.ts";
import { type Target, whyUnread } from "./target.ts";

interface Given extends GlobalOptions {
  readonly out: readonly OutListener[];
  readonly in: readonly InListener[];
  readonly service: readonly string[];
  readonly caller: "certificate" | "assertion" | "both";
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly write?: string;
  readonly register?: string;
  readonly address?: string;
  readonly gateway?: string;
  readonly gatewayCa?: string;
  readonly serviceAccount?: string;
  readonly joinToken?: string;
  readonly joinTokenFile?: string;
  /** Milliseconds. */
  readonly ttl: number;
  readonly state?: string;
}

const LOOPBACK = "127.0.0.1";

export function addAgent(program: Command): void {
  program
    .command("agent")
    .description("run the sidecar of a program that is no Worker: plain HTTP on this machine, mutual TLS outside of it")
    .addOption(
      new Option(
        "--out <[address:]port=service[:port]>",
        "take plain HTTP at this port to a service of the mesh; may be repeated",
      )
        .default([], "none")
        .argParser(collected(outListener)),
    )
    .option(
      "--gateway <url>",
      "the gateway that --out calls: https://…; of the local mesh `meshes` as it prints them",
      gatewayUrl,
    )
    .option("--gateway-ca <file>", "holds the certificate to trust at the gateway, PEM (default: as for control)")
    .addOption(
      new Option(
        "--in <[address:]port=port>",
        "take calls of gateways at this port over mutual TLS to the program's port on 127.0.0.1; may be repeated",
      )
        .default([], "none")
        .argParser(collected(inListener)),
    )
    .addOption(
      new Option(
        "--service <host>",
        "whose calls --in takes: a host, or the name of a service of the namespace; may be repeated",
      )
        .default([], "none")
        .argParser(collect),
    )
    .addOption(
      new Option("--caller <proof>", "what callers must show: a gateway's certificate, its signed assertion, or both")
        .choices(["certificate", "assertion", "both"])
        .default("both"),
    )
    .option(
      "--tls-cert <file>",
      "a certificate of a public authority to show in place of the SVID, PEM; with --tls-key",
    )
    .option("--tls-key <file>", "its key, PEM")
    .option(
      "--write <dir>",
      "also write svid.pem, svid_key.pem and svid_bundle.pem there, for programs that do TLS themselves",
    )
    .option(
      "--register <group>",
      "keep a WorkloadEntry by this WorkloadGroup of the namespace while it runs; with --address",
    )
    .option("--address <address>", "where gateways reach this agent, for --register")
    .option("--join-token-file <file>", "holds the join token that the first certificate is asked with")
    .option("--join-token <token>", "the join token itself, or - for stdin; also TULLE_JOIN_TOKEN")
    .option(
      "--service-account <name>",
      "with -n, in place of a join token: an administrator's agent makes its own, for trials",
      dnsLabel,
    )
    .addOption(
      new Option("--ttl <duration>", "how long a certificate holds, up to 24h").default(3_600_000, "1h").argParser(ttl),
    )
    .option("--state <dir>", "where the key and certificate are kept (default: `agent` beside the kubeconfig)")
    .addHelpText(
      "after",
      `
It renews its certificate at about half of its life, and goes on with what it has while control is away. docs/agent.md tells
more, and which leg is protected by what.

Example:
  $ tulle agent -n default --service-account order-service \\
      --gateway https://127.0.0.1:18030 --out 9000=payment-service
  $ curl http://localhost:9000/api/v1/charge -X POST     # in another terminal`,
    )
    .action(async (_: unknown, command: Command) => runAgent(command.optsWithGlobals<Given>()));
}

function outListener(given: string): OutListener {
  const [, address = LOOPBACK, port, service = ""] = /^(?:(\[[^\]]+\]|[^:=]+):)?(\d{1,5})=(.+)$/.exec(given) ?? [];
  const listener = listenerAt(address, port);
  if (!/^[a-z0-9._-]+(:\d{1,5})?$/i.test(service))
    throw new InvalidArgumentError("Give [ADDRESS:]PORT=SERVICE[:PORT], such as 9000=orders.shop:8080.");
  return { ...listener, service: service.toLowerCase() };
}

function inListener(given: string): InListener {
  const [, address = LOOPBACK, port, program] = /^(?:(\[[^\]]+\]|[^:=]+):)?(\d{1,5})=(\d{1,5})$/.exec(given) ?? [];
  const programPort = Number(program ?? Number.NaN);
  if (!(programPort >= 1 && programPort <= 65_535))
    throw new InvalidArgumentError("Give [ADDRESS:]PORT=PORT, such as 10.0.0.7:8443=8080.");
  return { ...listenerAt(address, port), programPort };
}

function listenerAt(given: string, port: string | undefined): { readonly address: string; readonly port: number } {
  const address = given.replace(/^\[|\]$/g, "");
  const number = Number(port ?? Number.NaN);
  if (isIP(address) === 0 || !(number <= 65_535))
    throw new InvalidArgumentError("Give [ADDRESS:]PORT=…: an IP address of this machine, and a port from 0 to 65535.");
  return { address, port: number };
}

function gatewayUrl(given: string): string {
  const url = URL.parse(given);
  if (url?.protocol !== "https:" || url.origin !== given.replace(/\/$/, ""))
    throw new InvalidArgumentError("Give https://HOST or https://HOST:PORT.");
  return url.origin;
}

async function runAgent(given: Given): Promise<void> {
  const out = outOf(given);
  const client = connect(given);
  const { target } = client;
  if (target.insecure)
    throw new CommandError(`${target.source} trusts any certificate of control; an agent does not: give --ca-file`);
  const options: AgentOptions = {
    server: target.server,
    ca: target.ca,
    joinToken: await joinTokenOf(given, client),
    ttlSeconds: Math.floor(given.ttl / 1_000),
    workload:
      given.serviceAccount === undefined
        ? null
        : { namespace: given.namespace ?? target.namespace, serviceAccount: given.serviceAccount },
    in: inOf(given, given.namespace ?? target.namespace),
    write: given.write ?? null,
    registration: registrationOf(given, target),
    out: out && {
      ...out,
      gatewayCa: given.gatewayCa === undefined ? target.ca : readPem(given.gatewayCa, "--gateway-ca"),
    },
  };
  const { AgentState } = await import("../../agent/state.ts");
  const folder = given.state ?? join(target.folder, "agent");
  const state = new AgentState(folder);
  const lock = takeLock(folder, "agent");
  if ("holder" in lock)
    throw new CommandError(
      `${folder} is in use by the agent of process ${lock.holder}; give each agent its own --state`,
    );
  const { startAgent } = await import("../../agent/run.ts");
  const say = (event: AgentEvent): void => (given.output === "json" ? print(lineOf(event)) : tell(textOf(event)));
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
  });
  try {
    const agent = await startAgent(options, state, say);
    say({ event: "agent_ready", spiffeId: agent.spiffeId, pid: process.pid });
    await ended;
    await agent.stop();
  } catch (error) {
    throw error instanceof Error ? new CommandError(error.message) : error;
  } finally {
    lock.release();
  }
  process.exit();
}

function outOf({ out: listeners, gateway, ...given }: Given): Pick<Out, "gateway" | "listeners"> | null {
  if (listeners.length === 0) {
    if (given.in.length === 0 && given.write === undefined)
      throw usageError("there is nothing to do: give --out PORT=SERVICE, --in PORT=PORT or --write DIR");
    return null;
  }
  if (gateway === undefined) throw usageError("--out needs --gateway: the URL of the gateway that it calls");
  return { gateway, listeners };
}

function inOf(
  { in: listeners, service: services, caller, tlsCert, tlsKey, ...given }: Given,
  namespace: string,
): In | null {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw usageError("--tls-cert and --tls-key go together");
  if (listeners.length === 0) {
    if (given.register !== undefined)
      throw usageError("--register is for an agent that is called: give --in PORT=PORT");
    return null;
  }
  const hosts = services.map((host) => (host.includes(".") ? host : `${host}.${namespace}.svc.cluster.local`));
  const proof = { certificate: caller !== "assertion", assertion: caller !== "certificate", services: hosts };
  if (proof.assertion && services.length === 0)
    throw usageError("--in needs --service: for which service calls are, orders or orders.shop.svc.cluster.local");
  return {
    listeners,
    proof,
    certificate:
      tlsCert === undefined || tlsKey === undefined
        ? null
        : () => ({ cert: readPem(tlsCert, "--tls-cert"), key: readPem(tlsKey, "--tls-key") }),
  };
}

function registrationOf({ register: group, address, namespace }: Given, target: Target): Registration | null {
  if (group === undefined) return null;
  if (address === undefined) throw usageError("--register needs --address: where gateways reach this agent");
  if (target.token === null)
    throw usageError("--register needs a token that may write WorkloadEntries: give --token-file, or a kubeconfig");
  return { namespace: namespace ?? target.namespace, group, address, token: target.token };
}

/** Read anew each time: whoever puts tokens there may put another one. */
async function joinTokenOf(given: Given, client: Client): Promise<AgentOptions["joinToken"]> {
  const { serviceAccount, joinTokenFile } = given;
  const direct = given.joinToken === "-" ? (await text(process.stdin)).trim() : given.joinToken;
  const token = direct ?? process.env["TULLE_JOIN_TOKEN"];
  if (joinTokenFile !== undefined) return async () => readTokenFile(joinTokenFile);
  if (token !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(token)) throw usageError("--join-token: a join token is one line without spaces");
    return async () => token;
  }
  if (serviceAccount === undefined) return async () => null;
  const namespace = given.namespace ?? client.target.namespace;
  if (!isDnsLabel(namespace)) throw usageError("-n: give the namespace of the service account");
  return async () => makeJoinToken(client, namespace, serviceAccount);
}

function readTokenFile(path: string): string | null {
  try {
    const token = readFileSync(path, "utf8").trim();
    return token === "" ? null : token;
  } catch (error) {
    throw new CommandError(`--join-token-file: ${whyUnread(path, error)}`);
  }
}

function readPem(path: string, option: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`${option}: ${whyUnread(path, error)}`);
  }
}

function lineOf(event: AgentEvent): string {
  return JSON.stringify({ time: new Date().toISOString(), ...event });
}

/** For people: what happened, and then the facts. */
function textOf({ event, ...facts }: AgentEvent): string {
  const told = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`);
  return `${new Date().toISOString()} ${event} ${told.join(" ")}`;
}
