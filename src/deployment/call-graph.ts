import type { FoundWorker } from "./found-worker.ts";

/** A service as the picture shows it. */
export interface GraphService {
  readonly namespace: string;
  readonly service: string;
  /** The service's, with its namespace where another one has such a service, too. */
  readonly name: string;
  readonly public: readonly string[];
  /** What the mesh file lets it call by `fetch` and a host name. */
  readonly calls: readonly string[];
  readonly versions: readonly { readonly version: string; readonly worker: FoundWorker }[];
}

/** One way in which one service calls another. */
export interface GraphCall {
  readonly from: string;
  /** A service binding; null: calls by `fetch` and a host name. */
  readonly binding: string | null;
  /** A service here; null: a Worker, or a host, that is not here. */
  readonly to: string | null;
  /** The Worker that is bound, or the host that is called; `*`: every one. */
  readonly callee: string;
  readonly entrypoint: string | null;
  readonly props: boolean;
}

/** Who calls whom; a binding that all versions have stands once. */
export function callsOf(services: readonly GraphService[]): readonly GraphCall[] {
  const byWorker = new Map(services.flatMap(({ name, versions }) => versions.map(({ worker }) => [worker.name, name])));
  const calls = services.flatMap(({ name: from, namespace, versions, calls: hosts }): readonly GraphCall[] => [
    ...versions.flatMap(({ worker }) =>
      worker.services.map(({ binding, service, entrypoint, props }) => {
        const named = entrypoint === undefined || entrypoint === "default" ? null : entrypoint;
        const to = byWorker.get(service) ?? null;
        return { from, binding, to, callee: service, entrypoint: named, props: props !== undefined };
      }),
    ),
    ...hosts.map((callee) => {
      const to =
        services.find((one) => callee === `${one.namespace}/${one.service}`) ??
        services.find((one) => one.namespace === namespace && one.service === callee);
      return { from, binding: null, to: to?.name ?? null, callee, entrypoint: null, props: false };
    }),
  ]);
  return [
    ...new Map(calls.map((call) => [JSON.stringify({ ...call, callee: call.to ?? call.callee }), call])).values(),
  ];
}

/**
 * The picture: a block a service, callers above those they call, a line a binding.
 *
 * ```
 * web   public: shop.example.com
 * ├─ ORDERS ──> orders
 * └─ USERS ───> users, entrypoint Admin, props
 * ```
 */
export function drawGraph(services: readonly GraphService[]): readonly string[] {
  const calls = callsOf(services);
  return inOrder(services, calls).flatMap((service) => {
    const own = calls.filter(({ from }) => from === service.name);
    const width = Math.max(...own.map(({ binding }) => wayOf(binding).length));
    const lines = own.map((call, at) => {
      const corner = at === own.length - 1 ? "└─" : "├─";
      const way = wayOf(call.binding);
      return `${corner} ${way} ${"─".repeat(width - way.length + 1)}─> ${calleeOf(call)}`;
    });
    return [headOf(service), ...lines];
  });
}

function headOf({ name, versions, public: hosts }: GraphService): string {
  const several = versions.length > 1 ? ` (${versions.map(({ version }) => version).join(", ")})` : "";
  return `${name}${several}${hosts.length > 0 ? `   public: ${hosts.join(", ")}` : ""}`;
}

function wayOf(binding: string | null): string {
  return binding ?? "fetch";
}

function calleeOf({ binding, to, callee, entrypoint, props }: GraphCall): string {
  const name = to ?? (callee === "*" ? "every host" : binding === null ? callee : `${callee} (not here)`);
  return [name, ...(entrypoint === null ? [] : [`entrypoint ${entrypoint}`]), ...(props ? ["props"] : [])].join(", ");
}

/** Public ones first, then those that nobody calls, each followed by those that it calls. */
function inOrder(services: readonly GraphService[], calls: readonly GraphCall[]): readonly GraphService[] {
  const called = new Set(calls.flatMap(({ from, to }) => (to === null || to === from ? [] : [to])));
  const rank = (service: GraphService) => (service.public.length > 0 ? 0 : called.has(service.name) ? 2 : 1);
  const queue = services.toSorted((a, b) => rank(a) - rank(b));
  const placed = new Set<GraphService>();
  const place = (service: GraphService): void => {
    if (placed.has(service)) return;
    placed.add(service);
    for (const { from, to } of calls)
      for (const next of services) if (from === service.name && to === next.name) place(next);
  };
  for (const service of queue) place(service);
  return [...placed];
}
