import { err, ok, type Result } from "../result.ts";
import type { CallerProps } from "../snapshot/rpc.ts";
import { type Digest, endpointBinding, meshBinding, variantBinding, variantName } from "./binding-names.ts";
import type { MeshFile, MeshFileGateway, MeshFileService } from "./mesh-file.ts";

/** What is read of a Worker's wrangler configuration here: its name and whom it binds. */
export interface WorkerSource {
  /** With its environment's, as deployed. */
  readonly name: string;
  readonly services: readonly SourceBinding[];
  /** Durable Objects of other Workers: `entrypoint` is their class. */
  readonly boundObjects?: readonly SourceBinding[];
}

export interface SourceBinding {
  readonly binding: string;
  readonly service: string;
  readonly entrypoint?: string | undefined;
  readonly props?: Readonly<Record<string, unknown>> | undefined;
}

/** A mesh as it will stand: who serves, who binds whom, in whose name. */
export interface Topology {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly services: readonly MeshService[];
  readonly gateways: readonly MeshGateway[];
}

export interface MeshService {
  readonly namespace: string;
  readonly name: string;
  /** `orders.shop.svc.cluster.local`. */
  readonly host: string;
  readonly port: number;
  readonly serviceAccount: string;
  /** Host names by which anybody may call it. */
  readonly publicHosts: readonly string[];
  readonly allowsPublicRoutes: boolean;
  /** The gateway that fronts it. */
  readonly gateway: string;
  readonly workers: readonly MeshWorker[];
}

/** One Worker that is a version of a service. */
export interface MeshWorker {
  readonly name: string;
  readonly version: string;
  /** As the mesh file names it. */
  readonly config: string;
  readonly environment: string | undefined;
  /** The gateways' binding to it: `EP_ORDERS_V1`. */
  readonly endpoint: string;
  /** What takes the place of its own bindings of the same names, and what is new: each leads to a gateway. */
  readonly bindings: readonly RetargetedBinding[];
  /** Calls by host name that go through the mesh; null: none. */
  readonly sidecar: Sidecar | null;
}

/** A service binding to a gateway's `MeshEntrypoint`. Whoever writes the props decides who the caller is. */
interface RetargetedBinding {
  readonly binding: string;
  readonly gateway: string;
  readonly props: CallerProps;
}

export interface Sidecar {
  /** Host name to the name of a binding. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Takes every other host; null: they are called as before. */
  readonly rest: string | null;
}

export interface MeshGateway {
  /** Of the Worker. */
  readonly name: string;
  readonly settings: MeshFileGateway;
  /** The Gateway resource whose listeners it serves, `namespace/name`; null: it serves the mesh alone. */
  readonly gateway: string | null;
  /** The resource is made here, since none is named. */
  readonly makesGateway: boolean;
  readonly endpoints: readonly EndpointBinding[];
}

interface EndpointBinding {
  readonly binding: string;
  readonly worker: string;
  readonly entrypoint?: string;
  readonly props?: Readonly<Record<string, unknown>>;
}

/** What is wrong with the file, where. */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Where Gateways stand that are made here: Istio's own namespace for its ingress. */
const GATEWAY_NAMESPACE = "istio-system";

/**
 * Works out who binds whom.
 *
 * @param sourceOf what wrangler says of a version's Worker
 * @param digest by which variants of bindings are named
 * @returns all that is wrong, otherwise
 */
export function topologyOf(
  file: MeshFile,
  sourceOf: (namespace: string, service: string, version: string) => WorkerSource,
  digest: Digest,
): Result<Topology, readonly Problem[]> {
  const problems: Problem[] = [];
  const gateways = Object.entries(file.gateways ?? { [`${file.mesh}-gateway`]: DEFAULT_GATEWAY });
  const drafts = Object.entries(file.namespaces).flatMap(([namespace, { services }]) =>
    Object.entries(services).map(([name, service]) => draftOf(namespace, name, service, sourceOf)),
  );
  takenTwice(file, gateways, drafts, problems);
  const byWorker = new Map(drafts.flatMap((draft) => draft.workers.map(({ source }) => [source.name, draft] as const)));
  const world: World = { mesh: file.mesh, drafts, byWorker, gateways, endpoints: new Map(), digest, problems };
  const services = drafts.map((draft) => serviceOf(draft, world));
  if (problems.length > 0) return err(problems);
  return ok({
    mesh: file.mesh,
    trustDomain: file.trustDomain,
    services,
    gateways: gateways.map(([name, settings]) => gatewayOf(name, settings, services, world)),
  });
}

const DEFAULT_GATEWAY: MeshFileGateway = { fronts: ["*"], domains: [], certificates: {} };

interface Draft {
  readonly namespace: string;
  readonly name: string;
  readonly service: MeshFileService;
  readonly serviceAccount: string;
  readonly workers: readonly { readonly version: string; readonly source: WorkerSource }[];
}

interface World {
  readonly mesh: string;
  readonly drafts: readonly Draft[];
  readonly byWorker: ReadonlyMap<string, Draft>;
  readonly gateways: readonly (readonly [name: string, settings: MeshFileGateway])[];
  /** Of each service, by `namespace/name`: the variants of its entrypoints that somebody binds. */
  readonly endpoints: Map<string, Map<string, SourceBinding>>;
  readonly digest: Digest;
  readonly problems: Problem[];
}

function draftOf(
  namespace: string,
  name: string,
  service: MeshFileService,
  sourceOf: (namespace: string, service: string, version: string) => WorkerSource,
): Draft {
  const workers = Object.keys(service.versions).map((version) => ({
    version,
    source: sourceOf(namespace, name, version),
  }));
  return { namespace, name, service, serviceAccount: service.serviceAccount ?? name, workers };
}

/** A name, or what is made of it, stands for one Worker. */
function takenTwice(file: MeshFile, gateways: World["gateways"], drafts: readonly Draft[], problems: Problem[]): void {
  const names = new Map<string, string>([
    [`${file.mesh}-control`, "the control Worker"],
    [`${file.mesh}-state`, "the state Worker"],
  ]);
  const endpoints = new Map<string, string>();
  for (const [name] of gateways) {
    const taken = names.get(name);
    if (taken !== undefined)
      problems.push({ path: ["gateways", name], message: `the Worker name \`${name}\` is already that of ${taken}` });
    names.set(name, `the gateway ${name}`);
  }
  for (const { namespace, name, workers } of drafts)
    for (const { version, source } of workers) {
      const path = ["namespaces", namespace, "services", name, "versions", version];
      const taken = names.get(source.name) ?? endpoints.get(endpointBinding(source.name));
      if (taken !== undefined)
        problems.push({
          path,
          message: `the Worker name \`${source.name}\` is already that of ${taken}: name another configuration or environment`,
        });
      names.set(source.name, `version ${version} of ${namespace}/${name}`);
      endpoints.set(endpointBinding(source.name), `\`${source.name}\`, which has the same gateway binding`);
    }
}

function serviceOf(draft: Draft, world: World): MeshService {
  const { namespace, name, service, serviceAccount, workers } = draft;
  const path = ["namespaces", namespace, "services", name];
  const gateway = frontOf(draft, world);
  if (gateway === null)
    world.problems.push({
      path,
      message: `no gateway fronts \`${namespace}/${name}\`: add it to the \`fronts\` of one`,
    });
  return {
    namespace,
    name,
    host: hostOf(draft),
    port: service.port,
    serviceAccount,
    publicHosts: service.public,
    allowsPublicRoutes: service.allowPublicRoutes,
    gateway: gateway ?? "",
    workers: workers.map(({ version, source }) => {
      const { config, environment } = service.versions[version] ?? { config: "" };
      const caller = { namespace, serviceAccount, workload: source.name, app: name, version };
      const own = source.services.flatMap((binding) => retargeted(binding, draft, caller, world));
      const { sidecar, bindings } = sidecarOf(draft, caller, world);
      refuseBindings(source, config, bindings, draft, world);
      return {
        name: source.name,
        version,
        config,
        environment,
        endpoint: endpointBinding(source.name),
        bindings: [...own, ...bindings],
        sidecar,
      };
    }),
  };
}

/** What a Worker must not bind past its gateway, or by a name that the mesh takes. */
function refuseBindings(
  source: WorkerSource,
  config: string,
  made: readonly RetargetedBinding[],
  { namespace, name, workers }: Draft,
  world: World,
): void {
  const refuse = (message: string): void => {
    world.problems.push({ path: ["namespaces", namespace, "services", name], message: `${config}: ${message}` });
  };
  for (const binding of [...source.services, ...(source.boundObjects ?? [])])
    if (isMeshsOwn(binding, world))
      refuse(
        `\`${binding.binding}\` binds \`${binding.service}\`, which is the mesh's own: whoever binds it says who calls; ` +
          "bind the Worker that is meant, or name its host in `calls`",
      );
  for (const { binding, service } of source.services) {
    if (service !== source.name && workers.some((other) => other.source.name === service))
      refuse(
        `\`${binding}\` binds \`${service}\`, another version of \`${name}\`: the mesh chooses the version of each call; ` +
          "make them services of their own",
      );
    if (made.some((taken) => taken.binding === binding))
      refuse(`the binding name \`${binding}\` is the mesh's own: rename it`);
  }
}

/** A gateway believes its bindings' props, and what they say of a client; of control only the API asks for credentials. */
function isMeshsOwn({ service, entrypoint = "default" }: SourceBinding, { mesh, gateways }: World): boolean {
  if (service === `${mesh}-control` || service === `${mesh}-state`) return entrypoint !== "default";
  return gateways.some(([name]) => name === service);
}

/** A Worker's binding to another one of the mesh; one to itself stays its own. */
function retargeted(
  source: SourceBinding,
  caller: Draft,
  props: CallerProps,
  world: World,
): readonly RetargetedBinding[] {
  const callee = world.byWorker.get(source.service);
  const gateway = callee === undefined || callee === caller ? null : frontOf(callee, world);
  if (callee === undefined || gateway === null) return [];
  const entrypoint = source.entrypoint === "default" ? undefined : source.entrypoint;
  const variant = variantName(entrypoint, source.props, world.digest);
  if (variant !== null) {
    const key = `${callee.namespace}/${callee.name}`;
    const variants = world.endpoints.get(key) ?? new Map<string, SourceBinding>();
    world.endpoints.set(key, variants.set(variant, source));
  }
  const to: CallerProps = {
    ...props,
    service: hostOf(callee),
    port: callee.service.port,
    ...(entrypoint !== undefined && { entrypoint }),
    ...(variant !== null && { binding: variant }),
  };
  return [{ binding: source.binding, gateway, props: to }];
}

function sidecarOf(
  caller: Draft,
  props: CallerProps,
  world: World,
): { sidecar: Sidecar | null; bindings: readonly RetargetedBinding[] } {
  const { calls } = caller.service;
  if (calls.length === 0) return { sidecar: null, bindings: [] };
  const bindings = new Map<string, RetargetedBinding>();
  const through = (gateway: string): string => {
    const binding = meshBinding(gateway);
    bindings.set(binding, { binding, gateway, props });
    return binding;
  };
  const hosts: Record<string, string> = {};
  let rest: string | null = null;
  for (const [at, name] of calls.entries()) {
    const callees = name === "*" ? world.drafts : [calleeOf(name, caller, world)];
    const everywhere = world.gateways.find(([, { fronts }]) => fronts.includes("*"))?.[0] ?? world.gateways[0]?.[0];
    if (name === "*" && everywhere !== undefined) rest = through(everywhere);
    for (const callee of callees) {
      const gateway = callee === undefined ? everywhere : frontOf(callee, world);
      if (callee === undefined && !name.includes("."))
        world.problems.push({
          path: ["namespaces", caller.namespace, "services", caller.name, "calls", at],
          message: `no service \`${name}\` here: name one of this file, or a host name with a dot`,
        });
      else if (gateway !== undefined && gateway !== null)
        for (const host of callee === undefined ? [name] : namesOf(callee, caller)) hosts[host] = through(gateway);
    }
  }
  return { sidecar: { hosts, rest }, bindings: [...bindings.values()] };
}

function calleeOf(name: string, caller: Draft, { drafts }: World): Draft | undefined {
  const [first = "", second] = name.split("/");
  const [namespace, service] = second === undefined ? [caller.namespace, first] : [first, second];
  return drafts.find((draft) => draft.namespace === namespace && draft.name === service);
}

/** The names by which a caller may call a service. */
function namesOf(callee: Draft, caller: Draft): readonly string[] {
  const qualified = `${callee.name}.${callee.namespace}`;
  const names = [qualified, `${qualified}.svc`, hostOf(callee)];
  return callee.namespace === caller.namespace ? [callee.name, ...names] : names;
}

function hostOf({ name, namespace }: Draft): string {
  return `${name}.${namespace}.svc.cluster.local`;
}

function frontOf({ namespace, name }: Draft, { gateways }: World): string | null {
  const by = (wanted: string) => gateways.find(([, { fronts }]) => fronts.includes(wanted))?.[0];
  return by(`${namespace}/${name}`) ?? by("*") ?? null;
}

/** One for each version, and for each version one for each way in which somebody binds it. */
function gatewayOf(
  name: string,
  settings: MeshFileGateway,
  services: readonly MeshService[],
  { endpoints }: World,
): MeshGateway {
  const fronted = services.filter((service) => settings.fronts.includes("*") || service.gateway === name);
  const isPublic = services.some((service) => service.gateway === name && service.publicHosts.length > 0);
  return {
    name,
    settings,
    gateway: settings.gateway ?? (isPublic ? `${GATEWAY_NAMESPACE}/${name}` : null),
    makesGateway: settings.gateway === undefined && isPublic,
    endpoints: fronted.flatMap((service) =>
      service.workers.flatMap(({ name: worker, endpoint }) => [
        { binding: endpoint, worker },
        ...[...(endpoints.get(`${service.namespace}/${service.name}`) ?? [])].map(
          ([variant, { entrypoint, props }]) => ({
            binding: variantBinding(endpoint, variant),
            worker,
            ...(entrypoint !== undefined && entrypoint !== "default" && { entrypoint }),
            ...(props !== undefined && { props }),
          }),
        ),
      ]),
    ),
  };
}
