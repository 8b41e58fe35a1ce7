import type { CheckId, CheckResult } from "./check-kinds.ts";
import { failing, skipped } from "./project-checks.ts";
import type { Topology } from "./topology.ts";

/** What control says of a mesh that runs. */
export interface MeshFacts {
  /** Why it does not answer; null: it does. */
  readonly unreachable: string | null;
  /** Why it does not take the token; null: it does. */
  readonly unauthorized: string | null;
  readonly mesh: {
    /** Null: older than versions are told. */
    readonly version: string | null;
    readonly migrations: readonly string[];
    readonly gateways: readonly GatewayFacts[];
    /** Endpoints without a binding, as control tells them. */
    readonly unbound: readonly string[];
  } | null;
  /** Certificates of the bundle, the authority's among them. */
  readonly certificates: readonly { readonly subject: string; /** Epoch ms. */ readonly endsAt: number }[];
}

export interface GatewayFacts {
  readonly gateway: string;
  readonly version: string | null;
  readonly stateVersions: readonly string[];
  readonly bindings: readonly string[];
  /** How it is with its configuration, in words. */
  readonly state: string;
  readonly grade: "good" | "late" | "bad";
}

/** What this program is, and knows. */
export interface Own {
  readonly version: string;
  readonly migrations: readonly string[];
  /** Epoch ms. */
  readonly now: number;
  /** Of the project, where there is one. */
  readonly topology: Topology | null;
}

const DAY_MS = 86_400_000;
/** Time enough to give all workloads certificates of another authority. */
const SOON_DAYS = 90;

const OF_STATUS: readonly CheckId[] = [
  "control-version",
  "migrations",
  "gateways-registered",
  "gateway-versions",
  "gateway-configuration",
  "endpoint-bindings",
];

export function meshChecks(facts: MeshFacts, own: Own): readonly CheckResult[] {
  const { unreachable, unauthorized, mesh, certificates } = facts;
  if (unreachable !== null)
    return [
      failing("control-reachable", [unreachable]),
      ...skipped(["control-authorized", ...OF_STATUS, "authority-certificate"], "control does not answer"),
    ];
  const ends = certificates.map((one) => ({ ...one, days: Math.floor((one.endsAt - own.now) / DAY_MS) }));
  const ended = ends.filter(({ endsAt }) => endsAt <= own.now).map(({ subject }) => `${subject} has ended`);
  const soon = ends
    .filter(({ endsAt, days }) => endsAt > own.now && days < SOON_DAYS)
    .map(({ subject, days }) => `${subject} ends in ${days} days`);
  return [
    failing("control-reachable", []),
    failing("control-authorized", unauthorized === null ? [] : [unauthorized]),
    ...(mesh === null ? skipped(OF_STATUS, "control says nothing of the mesh to this token") : statusChecks(mesh, own)),
    failing("authority-certificate", ended, soon),
  ];
}

function statusChecks(mesh: NonNullable<MeshFacts["mesh"]>, own: Own): readonly CheckResult[] {
  const { gateways, version, migrations } = mesh;
  const named = own.topology?.gateways.map(({ name }) => name) ?? [];
  const known = new Set(gateways.map(({ gateway }) => gateway));
  const absent = named.filter((name) => !known.has(name)).map((name) => `\`${name}\` of the mesh file never has`);
  const nobody = gateways.length === 0 && absent.length === 0 ? ["none has"] : [];
  const lacking = own.migrations.filter((name) => !migrations.includes(name));
  const graded = (grade: GatewayFacts["grade"]) =>
    gateways.filter((one) => one.grade === grade).map(({ gateway, state }) => `\`${gateway}\`: ${state}`);
  return [
    failing("control-version", [], version === own.version ? [] : [differs("control", version, own.version)]),
    failing("migrations", lacking.length === 0 ? [] : [`not applied: ${lacking.join(", ")}`]),
    failing("gateways-registered", [...absent, ...nobody]),
    failing(
      "gateway-versions",
      [],
      gateways.flatMap((gateway) => otherVersions(gateway, version ?? own.version)),
    ),
    failing("gateway-configuration", graded("bad"), graded("late")),
    failing("endpoint-bindings", [...new Set([...unboundOf(gateways, own.topology), ...mesh.unbound])]),
  ];
}

function otherVersions({ gateway, version, stateVersions }: GatewayFacts, wanted: string): readonly string[] {
  return [
    ...(version === wanted ? [] : [differs(`the gateway \`${gateway}\``, version, wanted)]),
    ...stateVersions
      .filter((one) => one !== wanted)
      .map((one) => differs(`a state Worker behind \`${gateway}\``, one, wanted)),
  ];
}

function differs(who: string, version: string | null, wanted: string): string {
  return version === null
    ? `${who} does not say its version: it is older than ${wanted}`
    : `${who} is ${version}, not ${wanted}`;
}

/** Endpoints of the mesh file that its gateway would call by a binding that it does not have. */
function unboundOf(gateways: readonly GatewayFacts[], topology: Topology | null): readonly string[] {
  return (topology?.gateways ?? []).flatMap(({ name, endpoints }) => {
    const registered = gateways.find(({ gateway }) => gateway === name);
    // Variants are not registered by name: they stand and fall with the binding that they are of.
    const wanted = endpoints.filter(({ binding }) => !binding.includes("__"));
    return wanted
      .filter(({ binding }) => registered !== undefined && !registered.bindings.includes(binding))
      .map(({ binding, worker }) => `\`${name}\` has no binding \`${binding}\` to \`${worker}\``);
  });
}
