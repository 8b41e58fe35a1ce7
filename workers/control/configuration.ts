import type { Attempt } from "../../src/compile/compiler.ts";
import { lockOuts, type SeenCaller } from "../../src/compile/seen-callers.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { kindOfObject } from "../../src/kinds/registry.ts";
import { rfc3339 } from "../../src/kube/events.ts";
import { standing } from "../../src/kube/findings.ts";
import { expiredAt, nextExpiry } from "../../src/kube/leases.ts";
import { MESH_CONFIG_REF } from "../../src/kube/mesh-config-ref.ts";
import type { Operation } from "../../src/kube/object-rules.ts";
import { saysProgrammed, withProgrammed } from "../../src/kube/programmed.ts";
import { invalid } from "../../src/kube/object-status.ts";
import { failure } from "../../src/kube/status.ts";
import type { LoggedChange } from "../../src/kube/watch.ts";
import {
  NAMESPACES,
  namespaceRef,
  type Plan,
  type PlannedChange,
  planWrite,
  withVerdicts,
  withVersion,
} from "../../src/kube/write-plan.ts";
import { asIfStored, resultsOf } from "../../src/kube/write-results.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import type { AuditWitness } from "./audit-witness.ts";
import type { ControlMetrics } from "./control-metrics.ts";
import type { ObjectStore } from "./db/store.ts";
import type { Env } from "./env.ts";
import type { History } from "./history.ts";
import type { WriteOptions, WriteResult } from "./hub-api.ts";
import { Programming } from "./programming.ts";
import { Publisher } from "./publisher.ts";
import { seenBy } from "./seen-by.ts";
import { tooMuch } from "./too-much.ts";
import type { Watches } from "./watches.ts";

/** What the database holds, and what was made of it. */
export interface State {
  readonly objects: Map<string, KubeObject>;
  readonly publisher: Publisher;
  readonly programming: Programming;
  rv: number;
  generation: number;
}

interface ConfigurationDeps {
  readonly env: Env;
  readonly storage: DurableObjectStorage;
  readonly store: ObjectStore;
  readonly history: History;
  readonly witness: AuditWitness;
  readonly metrics: ControlMetrics;
  readonly watches: Watches;
  /** What sessions may do is another now: what they have open is asked for anew. @param now epoch ms */
  onAccessChanged(now: number): void;
}

/** Soon enough that a crash between commit and publication is not noticed, late enough that it seldom fires for nothing. */
const ALARM_AFTER_MS = 2_000;

const SYSTEM = { actor: "system", account: null, namespace: null, dryRun: false } as const;

/**
 * The configuration in the Hub's memory: loaded from the database when it is first asked for, and written, each change compiled
 * before it is stored. All of it runs in the Hub's turn.
 */
export class Configuration {
  readonly #deps: ConfigurationDeps;
  readonly #forms = new WeakMap<KubeObject, readonly Finding[]>();
  #loading: Promise<State> | null = null;
  /** What `Federation` was last told, as JSON; empty: that there is nobody. */
  #followed = "";

  constructor(deps: ConfigurationDeps) {
    this.#deps = deps;
  }

  /** What is written is answered as it is read. */
  async shown(result: WriteResult): Promise<WriteResult> {
    if (!result.ok) return result;
    const { programming, publisher } = await this.state();
    const now = Date.now();
    const known = publisher.standing(now);
    const results = result.results.map((written) => {
      const { object, action } = written;
      const info = kindOfObject(object);
      if (action === "deleted" || info === undefined || !saysProgrammed(info)) return written;
      const told = programming.of(refKey(refOf(object)), known, now);
      return { ...written, object: withProgrammed(object, told, told.turnedAt) };
    });
    return { ...result, results };
  }

  /** Removes the entries of workloads that did not register again in time, and rehearsals that have ended. */
  async expire(state: State): Promise<void> {
    const ended = Map.groupBy(expiredAt(state.objects.values(), Date.now()), ({ kind }) =>
      kind === "FaultRehearsal" ? "end-rehearsal" : "expire-workload",
    );
    for (const [verb, refs] of ended) {
      const operations = refs.map((ref) => ({ verb: "delete" as const, ref }));
      await this.write(state, operations, { ...SYSTEM, verb });
    }
    await this.#sleep(state);
  }

  /** Until the next lease ends, if there is one. */
  async #sleep({ objects }: State): Promise<void> {
    const next = nextExpiry(objects.values());
    if (next === null) await this.#deps.storage.deleteAlarm();
    else await this.#deps.storage.setAlarm(Math.max(next, Date.now() + 1));
  }

  async state(): Promise<State> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.forget();
      throw error;
    });
    return this.#loading;
  }

  /** What the database holds is read anew; watches, which may have missed something, begin again. */
  forget(): void {
    this.#loading = null;
    this.#deps.watches.endAll();
  }

  async #load(): Promise<State> {
    const { env } = this.#deps;
    const [stored, deployments, authority] = await Promise.all([
      this.#deps.store.load(),
      this.#deps.store.deployments(),
      env.AUTHORITY.getByName("authority").trust(),
    ]);
    await this.#deps.witness.look(Date.now());
    const publisher = new Publisher({
      local: env.TULLE_LOCAL !== undefined,
      trustDomain: env.TRUST_DOMAIN,
      signingKey: env.SNAPSHOT_PRIVATE_KEY,
      authority,
      generation: stored.generation,
      deployments,
    });
    const loaded = publisher.attempt(stored.objects.map((after) => ({ before: null, after })));
    loaded.accept();
    const programming = new Programming(stored.generation);
    this.#deps.watches.tellBy({ programming, standing: () => publisher.standing(Date.now()) });
    const state: State = {
      programming,
      objects: new Map(stored.objects.map((object) => [refKey(refOf(object)), object])),
      publisher,
      rv: stored.rv,
      generation: stored.generation,
    };
    this.#followed = "";
    await this.#federate(state);
    this.#deps.history.begin(stored.rv, stored.compacted);
    const nothing: Plan = { outcomes: [], failures: [], changes: new Map(), rv: state.rv };
    const at = Date.now();
    const judged = withVerdicts(nothing, state, loaded.findings, this.#warningsOf, rfc3339(at));
    await this.#commit(state, judged, { ...SYSTEM, verb: "status" }, at);
    const missing = NAMESPACES.filter((name) => !state.objects.has(refKey(namespaceRef(name))));
    const operations = missing.map((name) => ({
      verb: "create" as const,
      ref: namespaceRef(name),
      value: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      author: { manager: "tulle", subresource: "" as const, apiVersion: "v1" },
    }));
    if (operations.length > 0) await this.write(state, operations, { ...SYSTEM, verb: "create" });
    return state;
  }

  /** Says whom the mesh federates with, where that is news, and takes what is known of them. */
  async #federate({ publisher }: State): Promise<void> {
    const wanted = publisher.federation;
    const followed = wanted.domains.length === 0 ? "" : JSON.stringify(wanted);
    if (followed === this.#followed) return;
    publisher.federate(await this.#deps.env.FEDERATION.getByName("federation").follow(wanted));
    this.#followed = followed;
  }

  readonly #parse = (value: unknown) => parseObject(value, { local: this.#deps.env.TULLE_LOCAL !== undefined });

  readonly #warningsOf = (object: KubeObject): readonly Finding[] => standing(object, this.#parse(object).findings);

  /** As `#warningsOf`; an object never changes, so that it is read once. */
  formOf(object: KubeObject): readonly Finding[] {
    const known = this.#forms.get(object) ?? this.#warningsOf(object);
    this.#forms.set(object, known);
    return known;
  }

  async write(state: State, operations: readonly Operation[], options: WriteOptions): Promise<WriteResult> {
    const { dryRun, ifGeneration } = options;
    if (ifGeneration !== undefined && ifGeneration !== state.generation) {
      const message = `the configuration is of generation ${state.generation}, not ${ifGeneration}; look at what changed, then write again`;
      return { ok: false, failures: [{ index: -1, status: failure("PreconditionFailed", message) }] };
    }
    const at = Date.now();
    const now = rfc3339(at);
    const planned = planWrite(state, operations, { now, uid: () => crypto.randomUUID(), parse: this.#parse });
    if (planned.failures.length > 0) return { ok: false, failures: planned.failures };
    const configured = [...planned.changes.values()].filter(({ configuration }) => configuration);
    const seen = await seenBy(this.#deps.env, configured, options.namespace);
    const before = state.publisher.judge(seen);
    const attempt = state.publisher.attempt(configured);
    const { failures, plan, after } = this.#judged(state, planned, attempt, now, seen);
    const answering = {
      lockOuts: lockOuts(seen, before, after),
      objects: state.objects,
      findings: attempt.findings,
      namespace: options.namespace,
      isUnbound: (binding: string) => state.publisher.isUnbound(binding),
    };
    if (failures.length > 0 || dryRun || plan.changes.size === 0) {
      attempt.reject();
      if (failures.length > 0) return { ok: false, failures };
      const results = resultsOf(plan, answering);
      return {
        ok: true,
        generation: state.generation,
        results: dryRun ? results.map(asIfStored(state.objects)) : results,
      };
    }
    // Where the commit fails, the state is loaded anew.
    attempt.accept();
    if (await this.#commit(state, plan, options, at))
      return { ok: true, generation: state.generation, results: resultsOf(plan, answering) };
    const status = failure("Conflict", "the store was changed meanwhile by another writer; apply again");
    return { ok: false, failures: operations.map((_, index) => ({ index, status })) };
  }

  #judged(state: State, planned: Plan, attempt: Attempt, now: string, seen: readonly SeenCaller[]) {
    try {
      const { findings } = attempt;
      const failures = this.#failures(state, planned, findings);
      const after = state.publisher.judge(seen);
      return { failures, after, plan: withVerdicts(planned, state, findings, this.#warningsOf, now) };
    } catch (error) {
      // Left open, it would keep every later write from being tried.
      attempt.reject();
      throw error;
    }
  }

  #failures({ publisher }: State, { outcomes, changes }: Plan, findings: ReadonlyMap<string, readonly Finding[]>) {
    const failures = outcomes.flatMap(({ ref }, index) => {
      const errors = (findings.get(refKey(ref)) ?? []).filter(({ severity }) => severity === "error");
      return errors.length > 0 && changes.has(refKey(ref)) ? [{ index, status: invalid(ref, errors) }] : [];
    });
    const oversized = failures.length === 0 && changes.size > 0 ? publisher.oversized() : null;
    if (oversized === null) return failures;
    return [{ index: 0, status: tooMuch(oversized) }];
  }

  /**
   * Stores what was planned, and tells whoever watches.
   *
   * @param at by which the plan's conditions turned: an Event is told of a turn at the time of its change, epoch ms
   * @returns false where another writer came between
   * @throws where the database failed: then what it holds is read anew before anything else is done
   */
  async #commit(state: State, plan: Plan, { actor, account, verb }: WriteOptions, at: number): Promise<boolean> {
    const changes = [...plan.changes.values()].toSorted((a, b) => a.rv - b.rv);
    if (changes.length === 0) return true;
    const generation = state.generation + (changes.some(({ configuration }) => configuration) ? 1 : 0);
    const logged = changes.map((change) => ({ ...loggedOf(change, at), configuration: change.configuration }));
    try {
      await this.#deps.storage.setAlarm(at + ALARM_AFTER_MS);
      const landed = await this.#deps.store.commit({
        id: crypto.randomUUID(),
        expectedRv: state.rv,
        rv: plan.rv,
        generation,
        changes: logged,
        actor,
        account,
        verb,
        at,
      });
      if (!landed) {
        this.forget();
        return false;
      }
    } catch (error) {
      this.forget();
      throw error;
    }
    for (const { ref, after, configuration } of changes) {
      if (after) state.objects.set(refKey(ref), after);
      else state.objects.delete(refKey(ref));
      if (configuration) state.programming.change(refKey(ref), after && generation);
    }
    state.rv = plan.rv;
    state.generation = generation;
    state.publisher.publish(generation, at);
    this.#deps.metrics.stored(changes, generation, at);
    await this.#federate(state).catch((error: unknown) =>
      console.error({ event: "federation_failed", reason: String(error) }),
    );
    this.#deps.watches.publish(logged, this.#deps.history.add(logged, plan.rv), plan.rv);
    // What a session may do is asked of these rules: what it has open is asked for anew.
    if (plan.changes.has(refKey(MESH_CONFIG_REF))) {
      this.#deps.watches.endThose(({ account }) => account.startsWith("session/"));
      this.#deps.onAccessChanged(at);
    }
    await this.#sleep(state);
    await this.#deps.history.prune(plan.rv, at).catch(() => undefined);
    return true;
  }
}

/** A deleted object's last state gets a version of its own, like any other change. */
function loggedOf({ ref, before, after, rv }: PlannedChange, at: number): LoggedChange {
  const previousLabels = before && (before.metadata.labels ?? {});
  if (after) return { type: before ? "MODIFIED" : "ADDED", ref, object: after, previousLabels, at };
  if (!before) throw new Error("a change from nothing to nothing");
  return { type: "DELETED", ref, object: withVersion(before, rv), previousLabels, at };
}
