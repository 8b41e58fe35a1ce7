import { DurableObject } from "cloudflare:workers";
import type { DescribedKind } from "../../src/compile/istio/described.ts";
import { type Description, descriptionFor } from "../../src/kube/description.ts";
import { foundIn, isAnalyzed } from "../../src/kube/findings.ts";
import type { Operation } from "../../src/kube/object-rules.ts";
import { namesLike, unmetConditions } from "../../src/kube/known-names.ts";
import { fieldSelector, labelSelector } from "../../src/kube/selectors.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import type { WatchWish } from "../../src/kube/watch.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import type { Place } from "../../src/request/places.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { GatewayProps, IsolatesSeen, Look, Registration, RootAnswer } from "../../src/snapshot/rpc.ts";
import type { TailFilter, TailOrder } from "../../src/snapshot/tail-model.ts";
import { VERSION } from "../../src/version.ts";
import { IssuerKeys } from "./authority/issuer-keys.ts";
import { AuditWitness, type Witnessed } from "./audit-witness.ts";
import { backlogOf } from "./backlog.ts";
import { Configuration } from "./configuration.ts";
import { ControlMetrics } from "./control-metrics.ts";
import { type AuditHead, auditLog } from "./db/audit.ts";
import { type ObjectStore, objectStore } from "./db/store.ts";
import type { Env } from "./env.ts";
import type { RevocationList } from "../../src/identity/revocation-list.ts";
import type { AuthorityTrust } from "./authority/trust.ts";
import type { FederatedAuthorities } from "./federation-status.ts";
import { History } from "./history.ts";
import type { FoundSlice, HubApi, HubFindings, HubStandings, HubStatus, WriteOptions, WriteResult } from "./hub-api.ts";
import type { Told } from "./programming.ts";
import { Publisher } from "./publisher.ts";
import { restore } from "./restore.ts";
import { identify, type Identified, type SignInRefusal, type SignInSettings } from "./sign-in/identify.ts";
import { Watches } from "./watches.ts";
import { TailOrders } from "./tail-orders.ts";

const ASK_AUTHORITY_MS = 60_000;

/** Characters of roots that go out in one answer: the next is told to ask again. An RPC answer may be 32 MiB, and a root 8. */
const MAX_ROOTS = 8_000_000;
const LATER = { kind: "later" } as const;

/** A cell's question for one gateway; an older state Worker does not say what it saw. */
type Asked = Omit<Look, "seen"> & { readonly seen: IsolatesSeen | undefined };

/** The only writer and the only compiler: writes come one after the other, each compiled before it is stored. */
export class Hub extends DurableObject<Env> implements HubApi {
  readonly #store: ObjectStore;
  readonly #history: History;
  readonly #witness: AuditWitness;
  readonly #issuerKeys: IssuerKeys;
  readonly #metrics: ControlMetrics;
  readonly #watches = new Watches();
  readonly #configuration: Configuration;
  #askedAuthorityAt = Date.now();
  /** A deployment applies them, and then starts this anew. */
  #migrations: readonly string[] | null = null;
  readonly #tails = new TailOrders();
  #last: Promise<unknown> = Promise.resolve();
  #listing: Promise<RevocationList> | null = null;

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
    this.#configuration = new Configuration({
      env,
      storage: ctx.storage,
      store: this.#store,
      history: this.#history,
      witness: this.#witness,
      metrics: this.#metrics,
      watches: this.#watches,
      onAccessChanged: (now) => {
        if (this.#tails.open(now) !== null)
          void env.TAILS.getByName("tails")
            .end(null)
            .catch(() => undefined);
      },
    });
  }

  async write(operations: readonly Operation[], options: WriteOptions): Promise<WriteResult> {
    return this.#inTurn(async () => {
      const result = await this.#configuration.write(await this.#configuration.state(), operations, options);
      this.#metrics.validated(operations, result);
      return this.#configuration.shown(result);
    });
  }

  async rollback(generation: number, options: WriteOptions): Promise<WriteResult> {
    return this.#inTurn(async () => {
      const state = await this.#configuration.state();
      const operations = await restore(this.#store, generation, state.objects, Date.now());
      if (!operations.ok) return { ok: false, failures: [{ index: -1, status: operations.error }] };
      return this.#configuration.shown(await this.#configuration.write(state, operations.value, options));
    });
  }

  async watch(wish: WatchWish): Promise<Result<ReadableStream, Status>> {
    return this.#inTurn(async () => {
      const state = await this.#configuration.state();
      if (!this.#watches.hasRoomFor(wish.account))
        return err(failure("TooManyRequests", "too many watches are open; close some that nobody reads"));
      const labels = labelSelector(wish.labelSelector);
      if (!labels.ok) return labels;
      const fields = fieldSelector(wish.fieldSelector, wish);
      if (!fields.ok) return fields;
      const selects = (object: KubeObject): boolean => labels.value(object) && fields.value(object);
      const backlog = await backlogOf(state, this.#history, wish, selects);
      if (!backlog.ok) return backlog;
      // It may have listed them before, and learns of what turned since.
      const known = wish.after === null ? [] : [...state.objects.values()];
      return ok(this.#watches.open(wish, selects, backlog.value, known, state.rv));
    });
  }

  async programmed(keys: readonly string[]): Promise<readonly Told[]> {
    // In turn: what was just stored is known here too by then.
    return this.#inTurn(async () => {
      const { programming, publisher } = await this.#configuration.state();
      const now = Date.now();
      const standing = publisher.standing(now);
      return keys.map((key) => programming.of(key, standing, now));
    });
  }

  async endWatches(accounts: readonly string[]): Promise<void> {
    this.#watches.endThose(
      ({ account, browser }) => accounts.includes(account) || (browser !== null && accounts.includes(browser)),
    );
  }

  async events(): Promise<{ readonly rv: number; readonly events: readonly KubeObject[] }> {
    return this.#inTurn(async () => {
      const { rv } = await this.#configuration.state();
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
      const { publisher } = await this.#configuration.state();
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
      const answer = await this.#root((await this.#configuration.state()).publisher, { gateway, have, seen });
      this.#watches.settle();
      return answer;
    }).catch((error: unknown) => this.#metrics.failed(error));
  }

  async roots(looks: readonly Look[]): Promise<readonly RootAnswer[]> {
    return this.#inTurn(async () => {
      const { publisher } = await this.#configuration.state();
      const answers: RootAnswer[] = [];
      let size = 0;
      for (const look of looks) {
        const answer = size > MAX_ROOTS ? LATER : await this.#root(publisher, look);
        if (answer.kind === "root") size += answer.root.payload.length;
        answers.push(answer);
      }
      this.#watches.settle();
      return answers;
    }).catch((error: unknown) => this.#metrics.failed(error));
  }

  async #root(publisher: Publisher, { gateway, have, seen }: Asked): Promise<RootAnswer> {
    await this.#askAuthority(publisher);
    const answer = await publisher.root(gateway, have, seen, Date.now());
    this.#metrics.asked({ gateway, have, seen, answer, generation: publisher.generationOf(gateway) }, Date.now());
    const tails = this.#tails.open(Date.now());
    return tails === null ? answer : { ...answer, tails };
  }

  async follow(order: TailOrder): Promise<boolean> {
    const now = Date.now();
    this.#tails.take(order, now);
    const { publisher } = await this.#configuration.state();
    return publisher.haveTails(order.revision, now);
  }

  async takeTrust(trust: AuthorityTrust): Promise<void> {
    await this.#inTurn(async () => this.#takeTrust((await this.#configuration.state()).publisher, trust));
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

  /** Anybody may ask, so that all who wait share one turn. Out of turn it could tell of settings that are not stored yet. */
  async revocationList(): Promise<RevocationList> {
    this.#listing ??= this.#inTurn(async () => {
      const { publisher } = await this.#configuration.state();
      await this.#askAuthority(publisher);
      return publisher.revocationList();
    }).finally(() => (this.#listing = null));
    return this.#listing;
  }

  async slices(gateway: string, ids: readonly string[]): Promise<Record<string, string>> {
    return this.#inTurn(async () => {
      const texts = await (await this.#configuration.state()).publisher.slices(gateway, ids, Date.now());
      this.#metrics.handed("slice", Object.values(texts));
      return texts;
    }).catch((error: unknown) => this.#metrics.failed(error));
  }

  async standings(): Promise<HubStandings> {
    return this.#inTurn(async () => {
      const { generation, publisher } = await this.#configuration.state();
      return { generation, gateways: publisher.standings(Date.now()) };
    });
  }

  async sliceTexts(ids: readonly string[]): Promise<Record<string, string>> {
    return this.#inTurn(async () => (await this.#configuration.state()).publisher.textsOf(ids));
  }

  async status(): Promise<HubStatus> {
    return this.#inTurn(async () => {
      const { generation, rv, publisher } = await this.#configuration.state();
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
      if ((await this.#configuration.state()).publisher.federate(authorities))
        this.#metrics.count("pilot_push_triggers", { type: "federation" });
    });
  }

  async findings(namespace: string | null): Promise<HubFindings> {
    return this.#inTurn(async () => {
      const { generation, objects, publisher } = await this.#configuration.state();
      // In the order of their names: that of their writes means nothing to who reads.
      const analyzed = [...objects]
        .filter(([, object]) => isAnalyzed(object, namespace))
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      const findings = analyzed.flatMap(([, object]) =>
        foundIn(object, [...this.#configuration.formOf(object), ...publisher.verdict(object)], (name) =>
          publisher.isUnbound(name),
        ),
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
      const { generation, publisher } = await this.#configuration.state();
      const found = publisher.describe(kind, namespace, name);
      if (found === null) return null;
      const told = descriptionFor(found.described, reader, (object) =>
        foundIn(object, [...this.#configuration.formOf(object), ...publisher.verdict(object)], (binding) =>
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
    return this.#inTurn(async () =>
      namesLike((await this.#configuration.state()).objects.values(), kind, namespace, name, reader),
    );
  }

  async unmetConditions(filter: TailFilter, reader: string | null): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const { objects, publisher } = await this.#configuration.state();
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
      const { generation, publisher } = await this.#configuration.state();
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
      const state = await this.#configuration.state();
      const { rv } = await this.#store.counters();
      if (rv !== state.rv) this.#configuration.forget();
      await this.#configuration.expire(await this.#configuration.state());
    });
  }

  /** One after the other: what one write sees, the one before it has left. */
  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
