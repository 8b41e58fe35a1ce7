import { linkWith } from "../match/machine.ts";
import type { Peer } from "../identity/peer.ts";
import type { Endpoint, Root, Slice, Workload } from "../snapshot/model.ts";
import type { Programs } from "../snapshot/program-model.ts";
import type { Collector } from "../snapshot/tracing-model.ts";
import type { LogSink, MeshTelemetry, TelemetrySettings, TelemetrySides } from "../snapshot/telemetry-model.ts";
import { type Expression, linkOfCall } from "./attributes.ts";
import type { Journal } from "./journal.ts";
import { linkLogFormat, type LogWriter } from "./log-format.ts";
import { linkOtlpLog } from "./otlp-log.ts";
import { type TracePlan, tracePlan } from "./trace-plan.ts";
import { linkMetrics, type ToldMetrics } from "./told-metrics.ts";

/** Settings of one side of a workload, made ready. */
export interface ToldSide {
  readonly sinks: readonly Sink[];
  /** Null: all series as they are. */
  readonly metrics: ToldMetrics | null;
  /** Null: nothing is done about traces. */
  readonly plan: TracePlan | null;
}

/** Of one provider. */
export interface Sink {
  readonly provider: string;
  /** One must hold; null: always. */
  readonly filters: readonly Expression[] | null;
  /** Null: the mesh's own line. */
  readonly write: LogWriter | null;
  /** Who gets the line, a record of the log of this name; null: the platform's log. */
  readonly to: { readonly collector: Collector; readonly name: string } | null;
}

/** What holds for a call: that of who calls, and that of its endpoint's workload. */
export interface Told {
  readonly client: ToldSide;
  /** Null: no endpoint was chosen. */
  readonly server: ToldSide | null;
  /** A call is one line at most for each provider, if either side wants it. */
  readonly sinks: readonly Sink[];
}

/** What of a root it needs. */
type ToldRoot = Pick<Root, "tracing" | "trust">;

/** Callers that are remembered; with more, all are looked up anew. */
const MAX_CALLERS = 4_096;

/** Finds what is told of a call, by the settings of one root. Each is made ready when it is first asked for. */
export class TelemetryIndex {
  readonly #model: MeshTelemetry;
  readonly #root: ToldRoot;
  readonly #sides = new WeakMap<TelemetrySettings, ToldSide>();
  readonly #callers = new Map<string, ToldSide>();
  readonly #endpoints = new WeakMap<Endpoint, ToldSide>();
  readonly #pairs = new WeakMap<ToldSide, Map<ToldSide | null, Told>>();

  /** @param root that the settings came with */
  constructor(model: MeshTelemetry, root: ToldRoot) {
    this.#model = model;
    this.#root = root;
  }

  /** That of who calls. @param slice of the host; undefined: the call ended before it was found */
  client({ gateway, peer }: Journal, slice: Slice | undefined): ToldSide {
    return gateway === null ? this.#caller(peer) : this.#gateway(gateway, slice?.front?.gateway ?? "");
  }

  /** @param slice as of `client` */
  of(journal: Journal, slice: Slice | undefined): Told {
    const { endpoint } = journal;
    const client = this.client(journal, slice);
    const server = endpoint === null ? null : this.#endpoint(endpoint, slice);
    let pairs = this.#pairs.get(client);
    if (pairs === undefined) this.#pairs.set(client, (pairs = new Map()));
    let told = pairs.get(server);
    if (told === undefined) pairs.set(server, (told = { client, server, sinks: joined(client, server) }));
    return told;
  }

  #caller({ principal }: Peer): ToldSide {
    const known = this.#callers.get(principal ?? "");
    if (known !== undefined) return known;
    const { callers, mesh } = this.#model;
    // `domain/ns/namespace/sa/account`
    const [, , namespace = "", , account = ""] = principal?.split("/") ?? [];
    const own = callers?.[`${namespace}/${account}`];
    return this.#remember(principal ?? "", own ?? (this.#namespace(namespace) ?? mesh).client);
  }

  #gateway({ namespace }: Workload, name: string): ToldSide {
    const key = `gw/${name}`;
    const { callers, mesh } = this.#model;
    return this.#callers.get(key) ?? this.#remember(key, callers?.[key] ?? (this.#namespace(namespace) ?? mesh).client);
  }

  #remember(key: string, number: number): ToldSide {
    const side = this.#numbered(number);
    if (this.#callers.size >= MAX_CALLERS) this.#callers.clear();
    this.#callers.set(key, side);
    return side;
  }

  #endpoint(endpoint: Endpoint, slice: Slice | undefined): ToldSide {
    let side = this.#endpoints.get(endpoint);
    if (side === undefined) {
      const own = endpoint.telemetry === undefined ? undefined : slice?.telemetry?.[endpoint.telemetry];
      const { mesh } = this.#model;
      side = own
        ? this.#side(own, slice?.programs)
        : this.#numbered((this.#namespace(endpoint.workload.namespace) ?? mesh).server);
      this.#endpoints.set(endpoint, side);
    }
    return side;
  }

  #namespace(name: string): TelemetrySides | undefined {
    const { namespaces } = this.#model;
    return namespaces !== undefined && Object.hasOwn(namespaces, name) ? namespaces[name] : undefined;
  }

  #numbered(number: number): ToldSide {
    return this.#side(this.#model.settings[number] ?? NOTHING, this.#model.programs);
  }

  /** @param programs of its patterns */
  #side(model: TelemetrySettings, programs: Programs | undefined): ToldSide {
    let side = this.#sides.get(model);
    if (side === undefined) {
      side = linkWith(programs, () => this.#link(model));
      this.#sides.set(model, side);
    }
    return side;
  }

  #link({ accessLog, metrics, tracing }: TelemetrySettings): ToldSide {
    return {
      sinks: (accessLog?.sinks ?? DEFAULT_SINKS).flatMap((sink) => linkSink(sink, this.#root) ?? []),
      metrics: metrics === undefined ? null : linkMetrics(metrics),
      plan: tracePlan(this.#root, tracing),
    };
  }
}

const NOTHING: TelemetrySettings = {};

/** Istio's name of the log that is there by itself. */
const DEFAULT_SINKS: readonly LogSink[] = [{ provider: "envoy" }];

/** @returns null for one whose collector the root has not: it is never printed in its stead */
function linkSink({ provider, filter, format, otlp }: LogSink, { tracing }: ToldRoot): Sink | null {
  const filters = filter === undefined ? null : [linkOfCall(filter)];
  if (otlp === undefined)
    return { provider, filters, write: format === undefined ? null : linkLogFormat(format), to: null };
  const logs = tracing?.logs ?? {};
  const collector = Object.hasOwn(logs, provider) ? logs[provider] : undefined;
  return collector === undefined
    ? null
    : { provider, filters, write: linkOtlpLog(format, otlp), to: { collector, name: otlp.name } };
}

function joined(client: ToldSide, server: ToldSide | null): readonly Sink[] {
  const sinks = new Map(client.sinks.map((sink) => [sink.provider, sink]));
  for (const sink of server?.sinks ?? []) {
    const other = sinks.get(sink.provider);
    const filters =
      other === undefined ? sink.filters : other.filters && sink.filters && [...other.filters, ...sink.filters];
    sinks.set(sink.provider, { ...sink, filters });
  }
  return [...sinks.values()];
}

/** Whether a sink wants the call's line. @param now epoch ms: the end of the call */
export function wants({ filters }: Sink, journal: Journal, now: number): boolean {
  return filters === null || filters.some((filter) => filter(journal, now) === true);
}
