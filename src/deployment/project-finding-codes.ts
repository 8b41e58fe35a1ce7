import type { FindingKind } from "../resources/finding-kind.ts";

/**
 * What can be said of a folder of Workers: 10 a configuration or its Worker, 11 what passes the mesh by, 12 the ways in.
 * As with the findings of objects a code keeps its meaning: add, never reuse.
 */
export const PROJECT_FINDINGS = {
  TULLE1001: {
    name: "UnreadableConfiguration",
    severity: "error",
    meaning: "wrangler cannot read a configuration, or the Worker in it has no name",
    mend: "mend what wrangler says of it, or take the file away",
  },
  TULLE1002: {
    name: "SameWorker",
    severity: "warning",
    meaning: "two configurations have Workers of one name; the second was left out",
    mend: "rename one, or name the other file as the version's `config`",
  },
  TULLE1003: {
    name: "UntakenProject",
    severity: "warning",
    meaning:
      "another tool makes the Worker: vite, a framework, Pages, Python; the mesh runs what wrangler bundles of JavaScript",
    mend: "where its build writes a wrangler configuration, name that as a version's `config`; Pages and Python stay outside the mesh",
  },
  TULLE1004: {
    name: "WithoutCode",
    severity: "warning",
    meaning: "the configuration names neither `main` nor `assets`: there is nothing to serve",
    mend: "name one of them, or take the file away",
  },
  TULLE1005: {
    name: "ServiceWorkerFormat",
    severity: "warning",
    meaning: "the Worker is written with `addEventListener`, which has no entrypoints: it cannot join a mesh",
    mend: "write it as a module: `export default { fetch }`",
  },
  TULLE1006: {
    name: "FutureDate",
    severity: "error",
    meaning: "the compatibility date is past what the mesh's runtime knows: the Worker does not start here",
    mend: "set `compatibility_date` to the date that the message tells, or an earlier one",
  },
  TULLE1007: {
    name: "OldRpcDate",
    severity: "warning",
    meaning:
      "one side of RPC has a compatibility date before 2026-04-21: fields and names of errors are lost on the way, those of the mesh too",
    mend: "set `compatibility_date` of both to 2026-04-21 or later, or the flags `rpc_params_dup_stubs` and `enhanced_error_serialization`",
  },
  TULLE1008: {
    name: "GoneConfiguration",
    severity: "error",
    meaning: "the mesh file names a configuration that is not there",
    mend: "take the version out of the file, or name where its configuration is now",
  },
  TULLE1009: {
    name: "SettingsOfAnother",
    severity: "info",
    meaning: "a second configuration of one Worker, for another stage; it was left out",
    mend: "to use it, name it as the version's `config`, or make it an environment of the first: `[env.NAME]`",
  },
  TULLE1010: {
    name: "SeveralVersions",
    severity: "info",
    meaning: "Workers were taken for versions of one service: its calls are spread over all of them",
    mend: "route by a VirtualService with weights, or make each a service in the mesh file",
  },
  TULLE1011: {
    name: "NoDate",
    severity: "warning",
    meaning: "the configuration has no `compatibility_date`: wrangler deploys no Worker without one",
    mend: "set `compatibility_date`; the message tells the newest that runs here",
  },
  TULLE1101: {
    name: "UnknownWorker",
    severity: "warning",
    meaning: "a service binding leads to a Worker that is not in this folder: it stays as it is, past the mesh",
    mend: "bring the other Worker into the folder, or live without identity and policy on that call",
  },
  TULLE1102: {
    name: "ObjectPastMesh",
    severity: "warning",
    meaning: "a Durable Object of another Worker is bound by `script_name`: calls to it pass the mesh by",
    mend: "where policies must see the calls, give its Worker an entrypoint that calls the object, and bind that",
  },
  TULLE1103: {
    name: "QueuePastMesh",
    severity: "info",
    meaning: "messages go from one Worker to another by a queue: no policy sees them, and no identity goes along",
    mend: "nothing to do where that is meant; the consumer must not take a message for a caller's right",
  },
  TULLE1104: {
    name: "WorkflowPastMesh",
    severity: "warning",
    meaning: "a workflow of another Worker is bound by `script_name`: starting it passes the mesh by",
    mend: "where policies must see it, give its Worker an entrypoint that starts it, and bind that",
  },
  TULLE1105: {
    name: "SocketPastMesh",
    severity: "info",
    meaning: "the code opens TCP sockets: the mesh sees neither names nor bytes of them",
    mend: "nothing to do where that is meant, as for a database; egress rules do not hold for sockets",
  },
  TULLE1106: {
    name: "TailPastMesh",
    severity: "info",
    meaning: "another Worker gets the events of this one as its tail: that passes the mesh by",
    mend: "nothing to do: the platform delivers them",
  },
  TULLE1107: {
    name: "DispatchPastMesh",
    severity: "warning",
    meaning: "the Worker calls those of a dispatch namespace: these calls pass the mesh by",
    mend: "nothing to do where that is meant: what such a Worker may call is its dispatcher's to say",
  },
  TULLE1108: {
    name: "HostCall",
    severity: "info",
    meaning: "the code calls a Worker of this folder by `fetch` and its name, which only works through the mesh",
    mend: "name it in the service's `calls`",
  },
  TULLE1201: {
    name: "RoutePastGateway",
    severity: "warning",
    meaning:
      "the Worker has a route of a host that is not among the `public` ones of its service: it leads past the gateway",
    mend: "name the host in `public`, and the gateway gets the route; or set `allowPublicRoutes`, and it stays",
  },
  TULLE1202: {
    name: "PathOfRoute",
    severity: "warning",
    meaning: "a route takes some paths of a host alone; a public host of the mesh leads all of them to the service",
    mend: "write a VirtualService for the gateway that leads the other paths where they belong",
  },
  TULLE1203: {
    name: "SharedHost",
    severity: "warning",
    meaning: "several services have routes of one host; one is public there, the others wait for rules",
    mend: "write a VirtualService with a match by path for each of the others",
  },
  TULLE1204: {
    name: "NoWayIn",
    severity: "info",
    meaning:
      "nobody here calls the service, and no route leads to it but a workers.dev name, which `tulle deploy` turns off",
    mend: "name a host in `public`, where people are to reach it",
  },
} as const satisfies Readonly<Record<`TULLE1${number}`, FindingKind>>;

export type ProjectFindingCode = keyof typeof PROJECT_FINDINGS;

/** Something to tell of a folder of Workers. */
export interface ProjectFinding {
  readonly code: ProjectFindingCode;
  /** The file that it is about. */
  readonly config: string;
  /** Lower case, no full stop; what is the case here. */
  readonly message: string;
}
