/** What `tulle check` looks at, in its order. An id is public: scripts name it, and docs/checks.md has a part for each. */
export interface CheckKind {
  readonly group: CheckGroup;
  /** What holds where all is well. */
  readonly title: string;
  /** What it means where it does not hold. */
  readonly meaning: string;
  readonly mend: string;
}

export const CHECK_GROUPS = {
  project: "the project: its mesh file, and the Workers that it names",
  account: "the account, before a deployment",
  generated: "the configurations that were made for wrangler",
  control: "control",
  gateways: "gateways",
  certificates: "certificates",
} as const;
export type CheckGroup = keyof typeof CHECK_GROUPS;

export const CHECKS = {
  "mesh-file": {
    group: "project",
    title: "the mesh file can be read",
    meaning: "there is no `tulle.jsonc` here or above, or it has a mistake: no command can use it",
    mend: "`tulle init` writes one; the message tells the place of a mistake, docs/mesh-file.md the fields",
  },
  configurations: {
    group: "project",
    title: "wrangler reads the configuration of each Worker",
    meaning: "a configuration that the mesh file names is not there, or wrangler or the mesh cannot take it",
    mend: "mend it, or name another one in the version's `config`",
  },
  names: {
    group: "project",
    title: "no two Workers or bindings have one name",
    meaning: "two Workers, or what is made of their names, would take each other's place",
    mend: "rename one of them",
  },
  "all-workers": {
    group: "project",
    title: "all Workers of the folder are in the mesh file",
    meaning: "a Worker is not in the mesh: calls to it and from it pass the mesh by",
    mend: "`tulle init` adds it; or name its configuration in `ignore`",
  },
  "compatibility-dates": {
    group: "project",
    title: "compatibility dates are as new as RPC needs, and as old as the runtime knows",
    meaning:
      "a Worker does not start in the local mesh, cannot be deployed, or errors of its RPC have other names than without a mesh",
    mend: "set `compatibility_date` to a date that the message allows",
  },
  "calls-through-mesh": {
    group: "project",
    title: "Workers call each other through a gateway",
    meaning: "a call passes the mesh by: no identity goes along, and no policy sees it",
    mend: "docs/findings.md tells for each code what can take its place",
  },
  "public-routes": {
    group: "project",
    title: "no route leads past a gateway",
    meaning: "people reach a Worker by a route of its own, where no policy is asked; a deployment refuses it",
    mend: "name the host in `public` of its service, and the gateway gets the route; `allowPublicRoutes` lets it be",
  },
  policies: {
    group: "project",
    title: "the policies can be applied",
    meaning: "a file of `policies` has an object that control would refuse, and all that is applied with it",
    mend: "`tulle analyze -f` of the file tells more",
  },
  "local-secrets": {
    group: "project",
    title: "the Workers' secrets are there for the local mesh",
    meaning:
      "a configuration's `secrets.required` names one that neither `.dev.vars` nor `.env` beside it has: the Worker finds nothing there",
    mend: "write `NAME=value` into `.dev.vars`, which git should ignore",
  },
  "wrangler-login": {
    group: "account",
    title: "wrangler may talk to the account",
    meaning: "nothing can be deployed: wrangler knows no account, or cannot reach Cloudflare's API",
    mend: "`npx wrangler login`, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID",
  },
  "public-names": {
    group: "account",
    title: "public services have names by which people reach them",
    meaning:
      "a service is public by `*` or a name of this machine alone, and its gateway has no domain: nobody reaches it there",
    mend: "name a host of a zone of the account in `public` of the service, or in `domains` of its gateway",
  },
  "mesh-secrets": {
    group: "account",
    title: "the mesh's own secrets are made and set",
    meaning: "secrets were made by a deployment that did not get to setting them",
    mend: "deploy again: it goes on where it stopped, with the same secrets",
  },
  "worker-secrets": {
    group: "account",
    title: "the Workers have the secrets that their configurations name",
    meaning: "a Worker's `secrets.required` names one that is not set on the account: its code finds nothing there",
    mend: "`npx wrangler secret put NAME --name WORKER`",
  },
  "edge-secret": {
    group: "account",
    title: "gateways tell the platform's edge from other Workers of the account",
    meaning:
      "a gateway has no secret `EDGE_SECRET`: a Worker that somebody deploys to the account could bind it, and make up the certificate and the address of a client",
    mend: "where not all who may deploy are trusted so far, set the secret and the zone's rule by hand: docs/deploy.md, `Other Workers of the account`",
  },
  "generated-props": {
    group: "generated",
    title: "bindings into the mesh say who the caller is, as the mesh file does",
    meaning:
      "a binding to a gateway has no `props`, or others than the mesh file gives: calls are refused, or made in another's name",
    mend: "make the configurations anew: `tulle dev` and a deployment write them; never edit them",
  },
  "generated-bindings": {
    group: "generated",
    title: "bindings between Workers of the mesh lead to a gateway",
    meaning: "a generated configuration binds a Worker of the mesh itself, past its gateway",
    mend: "make the configurations anew: `tulle dev` and a deployment write them; never edit them",
  },
  "generated-routes": {
    group: "generated",
    title: "Workers have no way in but their gateway",
    meaning:
      "a generated configuration has a route, a workers.dev name or preview URLs, and its service does not allow it",
    mend: "make the configurations anew: `tulle dev` and a deployment write them; never edit them",
  },
  "control-reachable": {
    group: "control",
    title: "control answers",
    meaning:
      "nothing answers at control's address, or not as control does: gateways go on with what they have, and no change comes in",
    mend: "start the mesh, or give the kubeconfig of the one that runs; before a deployment: `tulle check --pre`",
  },
  "control-authorized": {
    group: "control",
    title: "control takes the token",
    meaning: "the kubeconfig's token is none of this mesh's, or may not read",
    mend: "take a fresh kubeconfig: the local mesh writes one, `tulle token create` makes one",
  },
  "control-version": {
    group: "control",
    title: "control has this program's version",
    meaning: "control and this program are of different packages: one may not understand the other",
    mend: "deploy again, or use the `tulle` of control's version",
  },
  migrations: {
    group: "control",
    title: "the database has all migrations",
    meaning: "control's database lacks a migration that this version has: control may fail where it reads or writes",
    mend: "deploy again: migrations come first",
  },
  "gateways-registered": {
    group: "gateways",
    title: "every gateway has registered with control",
    meaning: "a gateway was never called, or does not reach control: it serves nothing",
    mend: "call it once; its log says `exchange_failed` where it does not reach control",
  },
  "gateway-versions": {
    group: "gateways",
    title: "gateways and state Workers have control's version",
    meaning: "Workers of the mesh are of different packages, as in the middle of a deployment",
    mend: "deploy again: all of them come from one package",
  },
  "gateway-configuration": {
    group: "gateways",
    title: "gateways have the newest configuration",
    meaning: "a gateway decides by older objects than are stored, or cannot take what is made for it",
    mend: "docs/troubleshooting.md, `A change that does not arrive`",
  },
  "endpoint-bindings": {
    group: "gateways",
    title: "gateways have the bindings that endpoints name",
    meaning: "an endpoint is a binding that its gateway does not have: its calls are 503, and others get its share",
    mend: "deploy the gateway again, or delete the WorkloadEntry",
  },
  "authority-certificate": {
    group: "certificates",
    title: "the mesh's authority, and what signs in its place, stay valid for a while",
    meaning: "a certificate of the mesh's bundle ends soon or has ended: no workload's certificate outlives it",
    mend: "plan a new authority: enrol workloads with it before the old one ends",
  },
} as const satisfies Readonly<Record<string, CheckKind>>;

export type CheckId = keyof typeof CHECKS;

export interface CheckResult {
  readonly id: CheckId;
  /** `skipped`: it could not be looked at; the details say why. */
  readonly outcome: "ok" | "warning" | "error" | "skipped";
  /** What was seen, a line each. */
  readonly details: readonly string[];
}
