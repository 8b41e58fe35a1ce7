import { DurableObject } from "cloudflare:workers";
import type { ObjectChange } from "../../src/compile/inventory.ts";
import { addressesOf } from "../../src/compile/addresses.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { type KubeObject, type ObjectRef, refKey, refOf } from "../../src/resources/object.ts";
import type { GatewayProps, Registration, RootAnswer } from "../../src/snapshot/rpc.ts";
import { type ObjectStore, objectStore, type StoredChange } from "./db/store.ts";
import type { Env } from "./env.ts";
import { type Action, type Operation, planOperation, refOfOperation } from "../../src/kube/object-rules.ts";
import { failure, invalid, type Status } from "../../src/kube/status.ts";
import type { HubApi, HubStatus, WriteOptions, WriteResult } from "./hub-api.ts";
import { Publisher } from "./publisher.ts";

interface State {
  readonly objects: Map<string, KubeObject>;
  readonly publisher: Publisher;
  rv: number;
  generation: number;
}

/** What becomes of one object in a write. */
interface Change extends ObjectChange {
  readonly ref: ObjectRef;
  /** Its own resourceVersion, also where the object is gone by it. */
  readonly rv: number;
}

/** They exist from the start and cannot be deleted. */
const NAMESPACES = ["default", "istio-system"];

/** Soon enough that a crash between commit and publication is not noticed, late enough that it seldom fires for nothing. */
const ALARM_AFTER_MS = 2_000;

/** The only writer and the only compiler: writes come one after the other, each compiled before it is stored. */
export class Hub extends DurableObject<Env> implements HubApi {
  readonly #store: ObjectStore;
  #loading: Promise<State> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = objectStore(env.DB);
  }

  /** All of the operations, or none. */
  async write(operations: readonly Operation[], options: WriteOptions): Promise<WriteResult> {
    return this.#inTurn(async () => this.#write(await this.#state(), operations, options));
  }

  /** @param props from the gateway's binding, never from its own words */
  async register(props: GatewayProps, registration: Registration): Promise<void> {
    await this.#inTurn(async () => {
      const { publisher } = await this.#state();
      if (publisher.register({ props, registration }))
        await this.#store.saveDeployment(props, registration, Date.now());
    });
  }

  async root(gateway: string, have: { generation: number; issuedAt: number } | null): Promise<RootAnswer> {
    return this.#inTurn(async () => (await this.#state()).publisher.root(gateway, have, Date.now()));
  }

  async slices(gateway: string, ids: readonly string[]): Promise<Record<string, string>> {
    return this.#inTurn(async () => (await this.#state()).publisher.slices(gateway, ids, Date.now()));
  }

  async status(): Promise<HubStatus> {
    return this.#inTurn(async () => {
      const { generation, rv, publisher } = await this.#state();
      return { generation, resourceVersion: String(rv), gateways: publisher.status() };
    });
  }

  /** After a crash between commit and publication: what is stored is loaded, and so published. */
  override async alarm(): Promise<void> {
    await this.#inTurn(async () => {
      const state = await this.#state();
      const { rv } = await this.#store.counters();
      if (rv === state.rv) return;
      this.#loading = null;
      await this.#state();
    });
  }

  /** One after the other: what one write sees, the one before it has left. */
  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #state(): Promise<State> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<State> {
    const { env } = this;
    const [stored, deployments, bundle] = await Promise.all([
      this.#store.load(),
      this.#store.deployments(),
      env.AUTHORITY.getByName("authority").bundle(),
    ]);
    const publisher = new Publisher({
      local: env.TULLE_LOCAL !== undefined,
      trustDomain: env.TRUST_DOMAIN,
      signingKey: env.SNAPSHOT_PRIVATE_KEY,
      authorities: [bundle.der],
      generation: stored.generation,
      deployments,
    });
    publisher.apply(stored.objects.map((after) => ({ before: null, after })));
    const state: State = {
      objects: new Map(stored.objects.map((object) => [refKey(refOf(object)), object])),
      publisher,
      rv: stored.rv,
      generation: stored.generation,
    };
    const missing = NAMESPACES.filter((name) => !state.objects.has(refKey(namespaceRef(name))));
    if (missing.length > 0) {
      const operations = missing.map((name) => ({
        verb: "create" as const,
        object: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      }));
      await this.#write(state, operations, { actor: "system", verb: "create", dryRun: false });
    }
    return state;
  }

  async #write(state: State, operations: readonly Operation[], options: WriteOptions): Promise<WriteResult> {
    const planned = plan(state, operations);
    if (planned.failures.length > 0) return { ok: false, failures: planned.failures };
    const changes = [...planned.changes.values()];
    const findings = state.publisher.apply(changes);
    const failures = planned.outcomes.flatMap(({ ref }, index) => {
      const errors = (findings.get(refKey(ref)) ?? []).filter(({ severity }) => severity === "error");
      return errors.length > 0 ? [{ index, status: invalid(ref, errors) }] : [];
    });
    const oversized = failures.length === 0 && changes.length > 0 ? state.publisher.oversized() : null;
    if (oversized !== null) {
      const message = `the configuration of \`${oversized}\` would be larger than a gateway reads; split the host`;
      failures.push({ index: 0, status: failure("RequestEntityTooLarge", message) });
    }
    if (failures.length > 0 || options.dryRun || changes.length === 0) {
      state.publisher.undo(changes);
      if (failures.length > 0) return { ok: false, failures };
      return { ok: true, generation: state.generation, results: this.#results(state, planned, findings) };
    }
    const landed = await this.#commit(state, planned, changes, options);
    if (!landed) {
      const status = failure("Conflict", "the store was changed meanwhile by another writer; apply again");
      return { ok: false, failures: operations.map((_, index) => ({ index, status })) };
    }
    return { ok: true, generation: state.generation, results: this.#results(state, planned, findings) };
  }

  #results({ publisher }: State, { outcomes }: Plan, findings: ReadonlyMap<string, readonly Finding[]>) {
    return outcomes.map(({ action, object, ref }) => ({
      action,
      object,
      warnings: [
        ...(findings.get(refKey(ref)) ?? []).filter(({ severity }) => severity === "warning"),
        ...(action === "deleted" ? [] : unbound(publisher, object)),
      ],
    }));
  }

  /** @throws where the database failed: then what it holds is read anew before anything else is done */
  async #commit(
    state: State,
    { configuration, rv }: Plan,
    changes: readonly Change[],
    { actor, verb }: WriteOptions,
  ): Promise<boolean> {
    const generation = state.generation + (configuration ? 1 : 0);
    try {
      await this.ctx.storage.setAlarm(Date.now() + ALARM_AFTER_MS);
      const landed = await this.#store.commit({
        id: crypto.randomUUID(),
        expectedRv: state.rv,
        rv,
        generation,
        changes: changes.map(stored),
        actor,
        verb,
        at: Date.now(),
      });
      if (!landed) {
        this.#loading = null;
        return false;
      }
    } catch (error) {
      this.#loading = null;
      throw error;
    }
    for (const { ref, after } of changes) {
      if (after) state.objects.set(refKey(ref), after);
      else state.objects.delete(refKey(ref));
    }
    state.rv = rv;
    state.generation = generation;
    state.publisher.publish(generation);
    await this.ctx.storage.deleteAlarm();
    return true;
  }
}

interface Plan {
  readonly outcomes: readonly { readonly action: Action; readonly object: KubeObject; readonly ref: ObjectRef }[];
  readonly failures: readonly { readonly index: number; readonly status: Status }[];
  /** Each changed object once, however often the write names it. */
  readonly changes: ReadonlyMap<string, Change>;
  readonly configuration: boolean;
  readonly rv: number;
}

/** What the operations would make of the objects, one after the other. */
function plan(state: State, operations: readonly Operation[]): Plan {
  const changes = new Map<string, Change>();
  const outcomes: { action: Action; object: KubeObject; ref: ObjectRef }[] = [];
  const failures: { index: number; status: Status }[] = [];
  let { rv } = state;
  let configuration = false;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const current = (key: string): KubeObject | null => {
    const change = changes.get(key);
    return change ? change.after : (state.objects.get(key) ?? null);
  };
  const change = (ref: ObjectRef, after: KubeObject | null): KubeObject | null => {
    const key = refKey(ref);
    rv += 1;
    const versioned = after && withVersion(after, rv);
    const before = state.objects.get(key) ?? null;
    if (before === null && versioned === null) changes.delete(key);
    else changes.set(key, { ref, before, after: versioned, rv });
    return versioned;
  };

  for (const [index, operation] of operations.entries()) {
    const ref = refOfOperation(operation);
    const before = current(refKey(ref));
    const refusal = protectedNamespace(operation, ref);
    const planned =
      refusal === null
        ? planOperation(before, operation, {
            now,
            uid: crypto.randomUUID(),
            namespaceExists: (name) => current(refKey(namespaceRef(name))) !== null,
          })
        : { ok: false as const, error: refusal };
    if (!planned.ok) {
      failures.push({ index, status: planned.error });
      continue;
    }
    const { action, after } = planned.value;
    configuration ||= planned.value.configuration;
    if (action === "unchanged" && after) {
      outcomes.push({ action, object: after, ref });
      continue;
    }
    const object = change(ref, after === null ? null : withFirstStatus(after, action, now));
    const last = object ?? before;
    if (last) outcomes.push({ action, object: last, ref });
    if (action === "deleted" && isNamespace(ref)) {
      // Deleting a namespace deletes its content.
      const all = [...[...state.objects.values()].map(refOf), ...[...changes.values()].map((made) => made.ref)];
      for (const member of all)
        if (member.namespace === ref.name && current(refKey(member)) !== null) change(member, null);
    }
  }
  return { outcomes, failures, changes, configuration, rv };
}

function isNamespace({ group, kind }: ObjectRef): boolean {
  return group === "" && kind === "Namespace";
}

function namespaceRef(name: string): ObjectRef {
  return { group: "", kind: "Namespace", namespace: "", name };
}

function protectedNamespace({ verb }: Operation, ref: ObjectRef): Status | null {
  if (verb !== "delete" || !isNamespace(ref) || !NAMESPACES.includes(ref.name)) return null;
  return failure("Forbidden", `namespaces "${ref.name}" is forbidden: the mesh needs this namespace`);
}

/** A Gateway serves nothing until whoever listens for it has said so. */
function withFirstStatus(object: KubeObject, action: Action, now: string): KubeObject {
  if (action !== "created" || object.kind !== "Gateway") return object;
  const message = "nobody listens for it yet";
  const condition = { type: "Programmed", status: "False", reason: "Pending", message, lastTransitionTime: now };
  return { ...object, status: { conditions: [condition] } };
}

function withVersion(object: KubeObject, rv: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(rv) } };
}

/** A deleted object's last state gets a version of its own, like any other change. */
function stored({ ref, before, after, rv }: Change): StoredChange {
  if (after) return { type: before ? "MODIFIED" : "ADDED", ref, object: after };
  if (!before) throw new Error("a change from nothing to nothing");
  return { type: "DELETED", ref, object: withVersion(before, rv) };
}

function unbound(publisher: Publisher, object: KubeObject): readonly Finding[] {
  return addressesOf(object).flatMap(({ address, field }) => {
    const binding = address.startsWith("binding:") ? address.slice("binding:".length) : null;
    if (binding === null || !publisher.isUnbound(binding)) return [];
    const message = `no registered gateway has the service binding \`${binding}\`: the endpoint is left out until one has`;
    return [{ severity: "warning" as const, reason: "FieldValueInvalid" as const, field, message }];
  });
}
