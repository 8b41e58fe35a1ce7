import type { BreakerKey } from "../snapshot/rpc.ts";

/** Values by caller, cluster and endpoint. Looking one up builds no text: it is done for each endpoint of each request. */
export class ByEndpoint<Value extends BreakerKey> {
  /** By cluster, caller, endpoint. */
  readonly #clusters = new Map<string, Map<string, Map<string, Value>>>();
  /** The oldest first. */
  readonly #all = new Set<Value>();

  get size(): number {
    return this.#all.size;
  }

  get(caller: string, cluster: string, endpoint: string): Value | undefined {
    return this.#clusters.get(cluster)?.get(caller)?.get(endpoint);
  }

  set(value: Value): void {
    const { caller, cluster, endpoint } = value;
    let callers = this.#clusters.get(cluster);
    if (callers === undefined) this.#clusters.set(cluster, (callers = new Map()));
    let endpoints = callers.get(caller);
    if (endpoints === undefined) callers.set(caller, (endpoints = new Map()));
    const before = endpoints.get(endpoint);
    if (before !== undefined) this.#all.delete(before);
    endpoints.set(endpoint, value);
    this.#all.add(value);
  }

  delete(value: Value): void {
    const { caller, cluster, endpoint } = value;
    if (!this.#all.delete(value)) return;
    const callers = this.#clusters.get(cluster);
    const endpoints = callers?.get(caller);
    endpoints?.delete(endpoint);
    if (endpoints?.size === 0) callers?.delete(caller);
    if (callers?.size === 0) this.#clusters.delete(cluster);
  }

  deleteOldest(): void {
    const [oldest] = this.#all;
    if (oldest !== undefined) this.delete(oldest);
  }

  values(): Iterable<Value> {
    return this.#all;
  }

  /** Of all callers. */
  *inCluster(cluster: string): Iterable<Value> {
    for (const endpoints of this.#clusters.get(cluster)?.values() ?? []) yield* endpoints.values();
  }

  ofCluster(caller: string, cluster: string): Iterable<Value> {
    return this.#clusters.get(cluster)?.get(caller)?.values() ?? [];
  }
}
