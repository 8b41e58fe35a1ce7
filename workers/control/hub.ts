import { DurableObject } from "cloudflare:workers";
import type { Attempt } from "../../src/compile/compiler.ts";
import { lockOuts, type SeenCaller } from "../../src/compile/seen-callers.ts";
import type { DescribedKind } from "../../src/compile/istio/described.ts";
import { type Description, descriptionFor } from "../../src/kube/description.ts";
import { foundIn, isAnalyzed, standing } from "../../src/kube/findings.ts";
import { rfc3339 } from "../../src/kube/events.ts";
import type { Operation } from "../../src/kube/object-rules.ts";
import { namesLike, unmetConditions } from "../../src/kube/known-names.ts";
import { fieldSelector, labelSelector } from "../../src/kube/selectors.ts";
import { failure, invalid, type Status } from "../../src/kube/status.ts";
import { isEvents, isWatched, type LoggedChange, type Seen, seenOf, type WatchWish } from "../../src/kube/watch.ts";
import {
  NAMESPACES,
  namespaceRef,
  type Plan,
  type PlannedChange,
  planWrite,
  withVerdicts,
  withVersion,
} from "../../src/kube/write-plan.ts";
import { expiredAt, nextExpiry } from "../../src/kube/leases.ts";
import { asIfStored, resultsOf } from "../../src/kube/write-results.ts";
import { MESH_CONFIG_REF } from "../../src/kube/mesh-config-ref.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import type { Place } from "../../src/request/places.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { GatewayProps, IsolatesSeen, Registration, RootAnswer } from "../../src/snapshot/rpc.ts";
import type { TailFilter, TailOrder } from "../../src/snapshot/tail-model.ts";
import { VERSION } from "../../src/version.ts";
import { IssuerKeys } from "./authority/issuer-keys.ts";
import { AuditWitness, type Witnessed } from "./audit-witness.ts";
import { ControlMetrics } from "./control-metrics.ts";
import { type AuditHead, auditLog } from "./db/audit.ts";
import { type ObjectStore, objectStore } from "./db/store.ts";
import type { Env } from "./env.ts";
import type { RevocationList } from "../../src/identity/revocation-list.ts";
import type { AuthorityTrust } from "./authority/trust.ts";
import type { FederatedAuthorities } from "./federation-status.ts";
import { History } from "./history.ts";
import type { FoundSlice, HubApi, HubFindings, HubStandings, HubStatus, WriteOptions, WriteResult } from "./hub-api.ts";
import { Publisher } from "./publisher.ts";
import { tooMuch } from "./too-much.ts";
import { restore } from "./restore.ts";
import { seenBy } from "./seen-by.ts";
import { identify, type Identified, type SignInRefusal, type SignInSettings } from "./sign-in/identify.ts";
import { Watches } from "./watches.ts";

interface State {
  readonly objects: Map<string, KubeObject>;
  readonly publisher: Publisher;
  rv: number;
  generation: number;
}

/** Soon enough that a crash between commit and publication is not noticed, late enough that it seldom fires for nothing. */
const ALARM_AFTER_MS = 2_000;

const ASK_AUTHORITY_MS = 60_000;

/** An order of tails counts so long after it was last said (tails.ts says it again in time). */
const FORGET_TAILS_MS = 30_000;

const SYSTEM = { actor: "system", account: null, namespace: null, dryRun: false } as const;

/** The only writer and the only compiler: writes come one after the other, each compiled before it is stored. */
export class Hub extends DurableObject<Env> implements HubApi {
  readonly #store: ObjectStore;
  readonly #history: History;
  readonly #witness: AuditWitness;
  readonly #issuerKeys: IssuerKeys;
  readonly #metrics: ControlMetrics;
  readonly #watches = new Watches();
  readonly #forms = new WeakMap<KubeObject, readonly Finding[]>();
  #loading: Promise<State> | null = null;
  #askedAuthorityAt = Date.now();
  /** A deployment applies them, and then starts this anew. */
  #migrations: readonly string[] | null = null;
  /** What `Federation` was last told, as JSON; empty: that there is nobody. */
  #followed = "";
  #tails: { readonly order: TailOrder; readonly at: number } = { order: { revision: 0, wishes: [] }, at: 0 };
  #last: Promise<unknown> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = objectStore(env);
    this.#history = new History(this.#store);
    this.#metrics = new ControlMetrics((report) => env.TELEMETRY.getByName("telemetry").report(report, true));
    this.#witness = new AuditWitness(ctx.storage.kv, auditLog(env.DB));
    this.#issuerKeys = new IssuerKeys({
      fetch: async (url, init) => fetch(url, init),
      local: env.TULLE_LOCAL !== undefined,
    });
  }

  async write(operations: readonly Operation[], options: WriteOptions): Promise<WriteResult> {
    return this.#inTurn(async () => {
      const result = await this.#write(await this.#state(), operations, options);
      this.#metrics.validated(operations, result);
      return result;
    });
  }

  async rollback(generation: number, options: WriteOptions): Promise<WriteResult> {
    return this.#inTurn(async () => {
      const state = await this.#state();
      const operations = await restore(this.#store, generation, state.objects);
      if (!operations.ok) return { ok: false, failures: [{ index: -1, status: operations.error }] };
      return this.#write(state, operations.value, options);
    });
  }

  async watch(wish: WatchWish): Promise<Result<ReadableStream, Status>> {
    return this.#inTurn(async () => {
      const state = await this.#state();
      if (!this.#watches.hasRoomFor(wish.account))
        return err(failure("TooManyRequests", "too many watches are open; close some that nobody reads"));
      const labels = labelSelector(wish.labelSelector);
      if (!labels.ok) return labels;
      const fields = fieldSelector(wish.fieldSelector, wish);
      if (!fields.ok) return fields;
      const selects = (object: KubeObject): boolean => labels.value(object) && fields.value(object);
      const backlog = await this.#backlog(state, wish, selects);
      return backlog.ok ? ok(this.#watches.open(wish, selects, backlog.value, state.rv)) : backlog;
    });
  }

  async endWatches(accounts: readonly string[]): Promise<void> {
    this.#watches.endThose(
      ({ account, browser }) => accounts.includes(account) || (browser !== null && accounts.includes(browser)),
    );
  }

  async events(): Promise<{ readonly rv: number; readonly events: readonly KubeObject[] }> {
    return this.#inTurn(async () => {
      const { rv } = await this.#state();
      return { rv, events: await this.#history.events() };
    });
  }

  async identify(token: string, settings: SignInSettings): Promise<Result<Identified, SignInRefusal>> {
    return identify(token, settings, this.#issuerKeys, Date.now);
  }

  async witness(): Promise<Witnessed> {
    return this.#witness.look(Date.now());
  }

  async acceptRestore(seen: AuditHead, row: AuditHead): Promise<void> {
    this.#witness.accept(seen, row);
  }

  /** @param props from the gateway's binding, never from its own words */
  async register(props: GatewayProps, registration: Registration): Promise<void> {
    await this.#inTurn(async () => {
      const { publisher } = await this.#state();
      if (!publisher.register({ props, registration })) return;
      this.#metrics.count("pilot_push_triggers", { type: "gateway" });
      await this.#store.saveDeployment(props, registration, Date.now());
    });
  }

  async root(
    gateway: string,
    have: { generation: number; issuedAt: number } | null,
    seen?: IsolatesSeen,
  ): Promise<RootAnswer> {
    return this.#inTurn(async () => {
      const { publisher } = await this.#state();
      await this.#askAuthority(publisher);
      const answer = await publisher.root(gateway, have, seen, Date.now());
      this.#metrics.asked({ gateway, have, seen, answer, generation: publisher.generationOf(gateway) }, Date.now());
      const tails = this.#openTails(Date.now());
      return tails === null ? answer : { ...answer, tails };
    }).catch((error: unknown) => this.#metrics.failed(error));
  }

  async follow(order: TailOrder): Promise<boolean> {
    const now = Date.now();
    // Calls may pass each other.
    if (order.revision >= this.#tails.order.revision) this.#tails = { order, at: now };
    const { publisher } = await this.#state();
    return publisher.haveTails(order.revision, now);
  }

  #openTails(now: number): TailOrder | null {
    const { order, at } = this.#tails;
    return order.wishes.length > 0 && now - at < FORGET_TAILS_MS ? order : null;
  }

  async takeTrust(trust: AuthorityTrust): Promise<void> {
    await this.#inTurn(async () => this.#takeTrust((await this.#state()).publisher, trust));
  }

  #takeTrust(publisher: Publisher, trust: AuthorityTrust): void {
    if (publisher.takeTrust(trust)) this.#metrics.count("pilot_push_triggers", { type: "trust" });
  }

  /** It tells of changes by itself; this is for what was not heard. */
  async #askAuthority(publisher: Publisher): Promise<void> {
    const now = Date.now();
    if (now - this.#askedAuthorityAt < ASK_AUTHORITY_MS) return;
    this.#askedAuthorityAt = now;
    const authority = this.env.AUTHORITY.getByName("authority");
    await authority.trust().then(
      (trust) => this.#takeTrust(publisher, trust),
      (error: unknown) => console.warn({ event: "authority_away", message: String(error) }),
    );
  }

  async revocationList(): Promise<RevocationList> {
    return this.#inTurn(async () => {
      const { publisher } = await this.#state();
      await this.#askAuthority(publisher);
      return publisher.revocationList();
    });
  }

  async slices(gateway: string, ids: readonly string[]): Promise<Record<string, string>> {
    return this.#inTurn(async () => {
      const texts = await (await this.#state()).publisher.slices(gateway, ids, Date.now());
      this.#metrics.handed("slice", Object.values(texts));
      return texts;
    }).catch((error: unknown) => this.#metrics.failed(error));
  }

  async standings(): Promise<HubStandings> {
    return this.#inTurn(async () => {
      const { generation, publisher } = await this.#state();
      return { generation, gateways: publisher.standings(Date.now()) };
    });
  }

  async sliceTexts(ids: readonly string[]): Promise<Record<string, string>> {
    return this.#inTurn(async () => (await this.#state()).publisher.textsOf(ids));
  }

  async status(): Promise<HubStatus> {
    return this.#inTurn(async () => {
      const { generation, rv, publisher } = await this.#state();
      const gateways = await publisher.status(Date.now());
      this.#migrations ??= await this.#store.migrations();
      const deployed = { version: VERSION, migrations: this.#migrations };
      const isAlone = publisher.federation.domains.length === 0;
      const federation = isAlone ? [] : await this.env.FEDERATION.getByName("federation").status();
      return {
        generation,
        resourceVersion: String(rv),
        watches: this.#watches.size,
        gateways,
        federation,
        ...deployed,
      };
    });
  }

  async federated(authorities: FederatedAuthorities): Promise<void> {
    await this.#inTurn(async () => {
      (await this.#state()).publisher.federate(authorities);
      this.#metrics.count("pilot_push_triggers", { type: "federation" });
    });
  }

  async findings(namespace: string | null): Promise<HubFindings> {
    return this.#inTurn(async () => {
      const { generation, objects, publisher } = await this.#state();
      // In the order of their names: that of their writes means nothing to who reads.
      const analyzed = [...objects]
        .filter(([, object]) => isAnalyzed(object, namespace))
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      const findings = analyzed.flatMap(([, object]) =>
        foundIn(object, [...this.#formOf(object), ...publisher.verdict(object)], (name) => publisher.isUnbound(name)),
      );
      return { generation, objects: analyzed.length, findings };
    });
  }

  async describe(
    kind: DescribedKind,
    namespace: string,
    name: string,
    reader: string | null,
  ): Promise<Description | null> {
    return this.#inTurn(async () => {
      const { generation, publisher } = await this.#state();
      const found = publisher.describe(kind, namespace, name);
      if (found === null) return null;
      const told = descriptionFor(found.described, reader, (object) =>
        foundIn(object, [...this.#formOf(object), ...publisher.verdict(object)], (binding) =>
          publisher.isUnbound(binding),
        ),
      );
      return { kind, namespace, name, generation, ...told, gateways: found.gateways };
    });
  }

  async namesLike(
    kind: DescribedKind,
    namespace: string,
    name: string,
    reader: string | null,
  ): Promise<readonly string[]> {
    return this.#inTurn(async () => namesLike((await this.#state()).objects.values(), kind, namespace, name, reader));
  }

  async unmetConditions(filter: TailFilter, reader: string | null): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const { objects, publisher } = await this.#state();
      return unmetConditions(
        objects.values(),
        filter,
        reader,
        (object) => reader !== null && publisher.isExported(object, reader),
      );
    });
  }

  async find(places: readonly Place[], have: readonly string[]): Promise<FoundSlice> {
    return this.#inTurn(async () => {
      const { generation, publisher } = await this.#state();
      const { trustDomain } = publisher;
      const { scopes, slice } = await publisher.find(places);
      if (slice === null) return { generation, trustDomain, scopes, slice };
      const { at, id, text } = slice;
      return { generation, trustDomain, scopes, slice: { at, id, text: have.includes(id) ? null : text } };
    });
  }

  /** After a crash between commit and publication what is stored is loaded, and so published; and leases end. */
  override async alarm(): Promise<void> {
    await this.#inTurn(async () => {
      const state = await this.#state();
      const { rv } = await this.#store.counters();
      if (rv !== state.rv) this.#forget();
      await this.#expire(await this.#state());
    });
  }

  /** Removes the entries of workloads that did not register again in time. */
  async #expire(state: State): Promise<void> {
    const ended = expiredAt(state.objects.values(), Date.now());
    const operations = ended.map((ref) => ({ verb: "delete" as const, ref }));
    if (operations.length > 0) await this.#write(state, operations, { ...SYSTEM, verb: "expire-workload" });
    await this.#sleep(state);
  }

  /** Until the next lease ends, if there is one. */
  async #sleep({ objects }: State): Promise<void> {
    const next = nextExpiry(objects.values());
    if (next === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Math.max(next, Date.now() + 1));
  }

  /** One after the other: what one write sees, the one before it has left. */
  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #state(): Promise<State> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#forget();
      throw error;
    });
    return this.#loading;
  }

  /** What the database holds is read anew; watches, which may have missed something, begin again. */
  #forget(): void {
    this.#loading = null;
    this.#watches.endAll();
  }

  async #load(): Promise<State> {
    const { env } = this;
    const [stored, deployments, authority] = await Promise.all([
      this.#store.load(),
      this.#store.deployments(),
      env.AUTHORITY.getByName("authority").trust(),
    ]);
    await this.#witness.look(Date.now());
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
    const state: State = {
      objects: new Map(stored.objects.map((object) => [refKey(refOf(object)), object])),
      publisher,
      rv: stored.rv,
      generation: stored.generation,
    };
    this.#followed = "";
    await this.#federate(state);
    this.#history.begin(stored.rv, stored.compacted);
    const nothing: Plan = { outcomes: [], failures: [], changes: new Map(), rv: state.rv };
    const judged = withVerdicts(nothing, state, loaded.findings, this.#warningsOf, rfc3339(Date.now()));
    await this.#commit(state, judged, { ...SYSTEM, verb: "status" });
    const missing = NAMESPACES.filter((name) => !state.objects.has(refKey(namespaceRef(name))));
    const operations = missing.map((name) => ({
      verb: "create" as const,
      ref: namespaceRef(name),
      value: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      author: { manager: "tulle", subresource: "" as const, apiVersion: "v1" },
    }));
    if (operations.length > 0) await this.#write(state, operations, { ...SYSTEM, verb: "create" });
    return state;
  }

  /** Says whom the mesh federates with, where that is news, and takes what is known of them. */
  async #federate({ publisher }: State): Promise<void> {
    const wanted = publisher.federation;
    const followed = wanted.domains.length === 0 ? "" : JSON.stringify(wanted);
    if (followed === this.#followed) return;
    publisher.federate(await this.env.FEDERATION.getByName("federation").follow(wanted));
    this.#followed = followed;
  }

  readonly #parse = (value: unknown) => parseObject(value, { local: this.env.TULLE_LOCAL !== undefined });

  readonly #warningsOf = (object: KubeObject): readonly Finding[] => standing(object, this.#parse(object).findings);

  /** As `#warningsOf`; an object never changes, so that it is read once. */
  #formOf(object: KubeObject): readonly Finding[] {
    const known = this.#forms.get(object) ?? this.#warningsOf(object);
    this.#forms.set(object, known);
    return known;
  }

  async #write(state: State, operations: readonly Operation[], options: WriteOptions): Promise<WriteResult> {
    const { dryRun, ifGeneration } = options;
    if (ifGeneration !== undefined && ifGeneration !== state.generation) {
      const message = `the configuration is of generation ${state.generation}, not ${ifGeneration}; look at what changed, then write again`;
      return { ok: false, failures: [{ index: -1, status: failure("PreconditionFailed", message) }] };
    }
    const now = rfc3339(Date.now());
    const planned = planWrite(state, operations, { now, uid: () => crypto.randomUUID(), parse: this.#parse });
    if (planned.failures.length > 0) return { ok: false, failures: planned.failures };
    const configured = [...planned.changes.values()].filter(({ configuration }) => configuration);
    const seen = await seenBy(this.env, configured, options.namespace);
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
    if (await this.#commit(state, plan, options))
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
   * @returns false where another writer came between
   * @throws where the database failed: then what it holds is read anew before anything else is done
   */
  async #commit(state: State, plan: Plan, { actor, account, verb }: WriteOptions): Promise<boolean> {
    const changes = [...plan.changes.values()].toSorted((a, b) => a.rv - b.rv);
    if (changes.length === 0) return true;
    const at = Date.now();
    const generation = state.generation + (changes.some(({ configuration }) => configuration) ? 1 : 0);
    const logged = changes.map((change) => ({ ...loggedOf(change, at), configuration: change.configuration }));
    try {
      await this.ctx.storage.setAlarm(at + ALARM_AFTER_MS);
      const landed = await this.#store.commit({
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
        this.#forget();
        return false;
      }
    } catch (error) {
      this.#forget();
      throw error;
    }
    for (const { ref, after } of changes) {
      if (after) state.objects.set(refKey(ref), after);
      else state.objects.delete(refKey(ref));
    }
    state.rv = plan.rv;
    state.generation = generation;
    state.publisher.publish(generation);
    this.#metrics.stored(changes, generation, at);
    await this.#federate(state).catch((error: unknown) =>
      console.error({ event: "federation_failed", reason: String(error) }),
    );
    this.#watches.publish(logged, this.#history.add(logged, plan.rv), plan.rv);
    // What a session may do is asked of these rules: what it has open is asked for anew.
    if (plan.changes.has(refKey(MESH_CONFIG_REF))) {
      this.#watches.endThose(({ account }) => account.startsWith("session/"));
      if (this.#openTails(at) !== null) void this.env.TAILS.getByName("tails").end(null);
    }
    await this.#sleep(state);
    await this.#history.prune(plan.rv, at).catch(() => undefined);
    return true;
  }

  /** What a new watch sees first. */
  async #backlog(
    state: State,
    wish: WatchWish,
    selects: (object: KubeObject) => boolean,
  ): Promise<Result<readonly Seen[], Status>> {
    const { after } = wish;
    if (after !== null && (after > state.rv || !this.#history.reaches(after)))
      return err(failure("Expired", `too old resource version: ${after} (${state.rv}); list again`));
    if (after === null || isEvents(wish)) {
      const all = isEvents(wish) ? await this.#history.events() : [...state.objects.values()];
      const begun = all.filter(
        (object) =>
          isWatched(wish, refOf(object)) &&
          selects(object) &&
          (after === null || Number(object.metadata.resourceVersion) > after),
      );
      return ok(begun.map((object) => ({ type: "ADDED", object })));
    }
    const changes = await this.#history.after(after, wish);
    return ok(
      changes.flatMap((change) => {
        const seen = isWatched(wish, change.ref) ? seenOf(change, selects) : null;
        return seen ? [seen] : [];
      }),
    );
  }
}

/** A deleted object's last state gets a version of its own, like any other change. */
function loggedOf({ ref, before, after, rv }: PlannedChange, at: number): LoggedChange {
  const previousLabels = before && (before.metadata.labels ?? {});
  if (after) return { type: before ? "MODIFIED" : "ADDED", ref, object: after, previousLabels, at };
  if (!before) throw new Error("a change from nothing to nothing");
  return { type: "DELETED", ref, object: withVersion(before, rv), previousLabels, at };
}
