import { parseArgs } from "node:util";
import { err, ok, type Result } from "../src/result.ts";

export interface Options {
  readonly json: boolean;
  readonly state: string;
  /** The mesh file of the project to run; null: the examples are run. */
  readonly project: string | null;
  /** The wrangler environment of its Workers whose version names none. */
  readonly environment: string | null;
  readonly portBase: number;
  /** First three numbers of the /24 from which Gateways get their addresses. */
  readonly loopback: string;
  readonly examples: readonly ExampleName[];
  readonly gateways: number;
  /** Locations over which gateways are spread. */
  readonly locations: number;
  readonly only: "control" | "data" | null;
  readonly servicePorts: boolean;
  readonly unmeshed: boolean;
  /** Where the gateways find public origins instead: a plain HTTP server's port on loopback. */
  readonly originPort: number | null;
  /** Private endpoints speak plain HTTP, also where a DestinationRule says HTTPS. */
  readonly plainPrivate: boolean;
  /** Of a mesh without a project. */
  readonly trustDomain: string;
}

const EXAMPLES = ["bookinfo", "article"] as const;
export type ExampleName = (typeof EXAMPLES)[number];

export const MAX_GATEWAYS = 16;
/** Above the base stand the mesh's own ports, and 2,000 above it those of Gateways. */
const MAX_PORT_BASE = 62_000;

export const USAGE = `npm start -- [options]

  --json               one JSON line when the mesh is up, no other output but errors
  --state DIR          where state is kept (.tulle)
  --port-base N        first port of the mesh's own listeners (18000)
  --project FILE       run the Workers of this mesh file in place of examples (what \`tulle dev\` does)
  --env NAME           wrangler's environment of its Workers whose version names none
  --loopback NET       addresses of Gateways: 127.0.K.0/24 (127.0.1.0/24)
  --example NAME       bring up bookinfo, article or all (all); may be repeated
  --empty              bring up no example
  --gateways N         deployments of the gateway (2)
  --locations N        spread them over N locations, LOC1 to LOCN, each with a cell of its own (1: LOC)
  --only control|data  one of the two processes, beside the other one with the same --state
  --service-ports      a port of its own for each example service, past the mesh: for tests
  --unmeshed           point the services' mesh binding at nothing: for tests
  --origin-port N      call this port of loopback in place of any public origin: for tests
  --plain-private      call private endpoints by plain HTTP, also where a rule says HTTPS: for tests
  --trust-domain NAME  of the examples' mesh (cluster.local)
  --help               this text
`;

/** @returns the message for the user, otherwise; `null` where help was asked for */
export function parseOptions(args: readonly string[]): Result<Options, string | null> {
  let values: ReturnType<typeof read>;
  try {
    values = read(args);
  } catch (error) {
    return err(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
  if (values.help) return err(null);
  const portBase = Number(values["port-base"]);
  if (!Number.isInteger(portBase) || portBase < 1_024 || portBase > MAX_PORT_BASE)
    return err(`--port-base: \`${values["port-base"]}\` is no port from 1024 to ${MAX_PORT_BASE}`);
  const [, loopback] = /^(127\.\d{1,3}\.\d{1,3})\.0\/24$/.exec(values.loopback) ?? [];
  if (loopback === undefined || loopback.split(".").some((part) => Number(part) > 255))
    return err(`--loopback: \`${values.loopback}\` is no network 127.N.K.0/24`);
  const gateways = Number(values.gateways);
  if (!Number.isInteger(gateways) || gateways < 1 || gateways > MAX_GATEWAYS)
    return err(`--gateways: \`${values.gateways}\` is no number from 1 to ${MAX_GATEWAYS}`);
  const locations = Number(values.locations);
  if (!Number.isInteger(locations) || locations < 1 || locations > gateways)
    return err(`--locations: \`${values.locations}\` is no number from 1 to that of --gateways, ${gateways}`);
  const trustDomain = values["trust-domain"];
  if (!/^[a-z0-9._-]{1,255}$/.test(trustDomain))
    return err(`--trust-domain: \`${trustDomain}\` is no name in small letters, digits, \`.\`, \`-\` and \`_\``);
  const { only = null } = values;
  if (only !== null && only !== "control" && only !== "data")
    return err(`--only: \`${only}\` is neither \`control\` nor \`data\``);
  const given = values["origin-port"];
  const originPort = given === undefined ? null : Number(given);
  if (originPort !== null && !(Number.isInteger(originPort) && originPort > 0 && originPort <= 65_535))
    return err(`--origin-port: \`${given}\` is no port`);
  const { project = null } = values;
  if (project !== null && (values.example !== undefined || only !== null))
    return err(`--project runs its own Workers in a whole mesh: leave ${only === null ? "--example" : "--only"} out`);
  if (project === null && values.env !== undefined) return err("--env is for a --project: leave it out");
  const examples = exampleNames(values.example, values.empty || project !== null);
  if (!examples.ok) return examples;
  return ok({
    json: values.json,
    state: values.state,
    project,
    environment: values.env ?? null,
    portBase,
    loopback,
    examples: examples.value,
    gateways,
    locations,
    only,
    servicePorts: values["service-ports"],
    unmeshed: values.unmeshed,
    originPort,
    plainPrivate: values["plain-private"],
    trustDomain,
  });
}

function read(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: false,
    options: {
      json: { type: "boolean", default: false },
      state: { type: "string", default: ".tulle" },
      "port-base": { type: "string", default: "18000" },
      project: { type: "string" },
      env: { type: "string" },
      loopback: { type: "string", default: "127.0.1.0/24" },
      example: { type: "string", multiple: true },
      empty: { type: "boolean", default: false },
      gateways: { type: "string", default: "2" },
      locations: { type: "string", default: "1" },
      only: { type: "string" },
      "service-ports": { type: "boolean", default: false },
      unmeshed: { type: "boolean", default: false },
      "origin-port": { type: "string" },
      "plain-private": { type: "boolean", default: false },
      "trust-domain": { type: "string", default: "cluster.local" },
      help: { type: "boolean", default: false },
    },
  }).values;
}

function exampleNames(wanted: readonly string[] | undefined, empty: boolean): Result<readonly ExampleName[], string> {
  if (empty && wanted !== undefined) return err("--empty and --example exclude each other: leave one out");
  if (empty) return ok([]);
  if (wanted === undefined || wanted.includes("all")) return ok(EXAMPLES);
  const unknown = wanted.find((name) => !EXAMPLES.some((known) => known === name));
  if (unknown !== undefined) return err(`--example: there is no \`${unknown}\`; ${EXAMPLES.join(", ")} or all`);
  return ok(EXAMPLES.filter((name) => wanted.includes(name)));
}
