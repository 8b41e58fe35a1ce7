import { DurableObject } from "cloudflare:workers";
import { failure, type Status } from "../../src/kube/status.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { Tailed, TailOrder } from "../../src/snapshot/tail-model.ts";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import type { Env } from "./env.ts";
import { OpenTail, type TailRequest, type TailsApi } from "./open-tail.ts";

/** Each costs every request a comparison. */
const MAX_OPEN = 20;
/** Of one account: the others are for others. */
const MAX_OF_ACCOUNT = 5;
/** The Hub forgets an order that it does not hear of for longer (hub.ts). */
const RENEW_MS = 10_000;
/** Isolates that take requests are waited for: they exchange once a second, and their cell looks at the Hub as often. */
const READY_WITHIN_MS = 3_000;
const ASK_MS = 200;
/** How often readers are written to before another is refused, and how long an end takes to be heard of. */
const PROBES = 10;
const PROBE_MS = 100;

/** The tails that are open. Nothing of them is stored: they end with their readers, or with this object's life. */
export class Tails extends DurableObject<Pick<Env, "HUB">> implements TailsApi {
  readonly #open = new Map<string, OpenTail>();
  #revision = 0;
  #renewing: ReturnType<typeof setInterval> | null = null;

  async open(request: TailRequest): Promise<Result<ReadableStream, Status>> {
    const hadRoom = await this.#awaitRoomFor(request.account);
    // Somebody may have been faster.
    if (!hadRoom || this.#of(request.account).length >= MAX_OF_ACCOUNT) {
      const message = `${MAX_OF_ACCOUNT} tails of your account are open, in terminals and in the dashboard; end one of them, and try again in some seconds`;
      return err(failure("TooManyRequests", message));
    }
    if (this.#open.size >= MAX_OPEN) {
      const message = `${MAX_OPEN} tails are open, and each costs every request; end one that nobody reads, or try again later`;
      return err(failure("TooManyRequests", message));
    }
    const now = Date.now();
    const tail = new OpenTail(request, now, ({ wish }) => this.#ended(wish.id));
    this.#open.set(tail.wish.id, tail);
    this.#renewing ??= setInterval(() => void this.#tell(), RENEW_MS);
    this.#changed(now);
    void this.#awaitReady(tail, now + READY_WITHIN_MS);
    return ok(tail.readable);
  }

  async take({ lines, dropped }: Tailed): Promise<void> {
    const now = Date.now();
    for (const line of lines) {
      let read: AccessRecord | null = null;
      // The gateway's own words, by RPC from the mesh's own Workers.
      const record = (): AccessRecord => (read ??= JSON.parse(line.text) as AccessRecord);
      for (const id of line.tails) this.#open.get(id)?.take(line, record, now);
    }
    for (const [id, count] of Object.entries(dropped)) this.#open.get(id)?.drop("on_the_way", count);
  }

  async end(accounts: readonly string[] | null): Promise<void> {
    for (const tail of this.#open.values())
      if (accounts === null ? tail.account.startsWith("session/") : tail.isOf(accounts)) tail.end();
  }

  #of(name: string): readonly OpenTail[] {
    return Array.from(this.#open.values()).filter(({ account }) => account === name);
  }

  /** Who left is no reader: before another one is refused, those of the account are written to. @returns whether there is room */
  async #awaitRoomFor(name: string): Promise<boolean> {
    for (let probe = 0; this.#of(name).length >= MAX_OF_ACCOUNT; probe += 1) {
      if (probe === PROBES) return false;
      for (const tail of this.#of(name)) tail.probe();
      await scheduler.wait(PROBE_MS);
    }
    return true;
  }

  #ended(id: string): void {
    this.#open.delete(id);
    if (this.#open.size === 0 && this.#renewing !== null) {
      clearInterval(this.#renewing);
      this.#renewing = null;
    }
    this.#changed(Date.now());
  }

  #changed(now: number): void {
    this.#revision = Math.max(this.#revision + 1, now);
    void this.#tell();
  }

  /** Never rejects: the Hub hears it again. @returns whether all isolates that take requests have this order */
  async #tell(): Promise<boolean> {
    const wishes = Array.from(this.#open.values(), ({ wish }) => wish);
    const order: TailOrder = { revision: this.#revision, wishes };
    return this.env.HUB.getByName("hub")
      .follow(order)
      .catch(() => false);
  }

  async #awaitReady(tail: OpenTail, until: number): Promise<void> {
    for (;;) {
      const all = await this.#tell();
      if (all || Date.now() >= until) return tail.ready(all);
      await scheduler.wait(ASK_MS);
    }
  }
}
