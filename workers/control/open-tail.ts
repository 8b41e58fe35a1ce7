import type { Status } from "../../src/kube/status.ts";
import type { Result } from "../../src/result.ts";
import type { Tailed, TailedLine, TailFilter, TailWish } from "../../src/snapshot/tail-model.ts";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { subjectIn, tailTest } from "../../src/telemetry/tail.ts";
import { seenBy } from "../../src/telemetry/visibility.ts";
import { EventStream } from "./event-stream.ts";

const SECOND_MS = 1_000;

/** Who opens a tail, and what of. */
export interface TailRequest {
  /** As `Account.id`: the tail ends with it. */
  readonly account: string;
  /** As `Account.browser`: it ends with that as well. Null: none. */
  readonly browser: string | null;
  /** The only namespace whose requests are shown; null: all. */
  readonly namespace: string | null;
  readonly filter: TailFilter;
  readonly maxRps: number;
  /** What its reader is told before anything else: conditions that nothing meets. */
  readonly warnings: readonly string[];
  /** Epoch ms; null: the account has no end. */
  readonly expiresAt: number | null;
}

/** What the rest of control asks of the open tails. */
export interface TailsApi {
  /** Server-sent events: `ready`, `line`, `note`. */
  open(request: TailRequest): Promise<Result<ReadableStream, Status>>;
  /** Lines from a cell. */
  take(tailed: Tailed): Promise<void>;
  /** @param accounts that are no more, or browsers' sessions; null: every session, whose rules may have changed */
  end(accounts: readonly string[] | null): Promise<void>;
}

/** Why requests that a tail wants were left out. */
type Reason = "max_rps" | "reader_slow" | "on_the_way";

/** One reader of live requests. */
export class OpenTail {
  readonly wish: TailWish;
  readonly #request: TailRequest;
  readonly #stream: EventStream;
  /** Of what a namespace sees, which gateways do not judge by; null: they judged it all. */
  readonly #rest: ReturnType<typeof tailTest> | null;
  readonly #expiry: ReturnType<typeof setTimeout> | null;
  #second = 0;
  #left = 0;
  #dropped: Partial<Record<Reason, number>> = {};
  #note: ReturnType<typeof setTimeout> | null = null;

  /** @param now epoch ms */
  constructor(request: TailRequest, now: number, onEnd: (tail: OpenTail) => void) {
    const { filter, namespace, maxRps, expiresAt } = request;
    this.#request = request;
    this.#rest = namespace === null ? null : tailTest(filter);
    this.wish = { id: crypto.randomUUID(), filter: pushed(filter, namespace), maxRps, since: now };
    this.#stream = new EventStream(() => {
      if (this.#note !== null) clearTimeout(this.#note);
      if (this.#expiry !== null) clearTimeout(this.#expiry);
      onEnd(this);
    });
    this.#expiry = expiresAt === null ? null : setTimeout(() => this.end(), Math.min(expiresAt - now, MAX_TIMER_MS));
  }

  get account(): string {
    return this.#request.account;
  }

  /** @param accounts or browsers' sessions */
  isOf(accounts: readonly string[]): boolean {
    const { account, browser } = this.#request;
    return accounts.includes(account) || (browser !== null && accounts.includes(browser));
  }

  get readable(): ReadableStream {
    return this.#stream.readable;
  }

  /** @param all whether every isolate that takes requests now shows them */
  ready(all: boolean): void {
    const { warnings } = this.#request;
    this.#stream.send("ready", JSON.stringify({ all, ...(warnings.length > 0 && { warnings }) }));
  }

  /** @param record of the line, read once for all tails */
  take(line: TailedLine, record: () => AccessRecord, now: number): void {
    const text = this.#shown(line, record);
    if (text === null) return;
    const second = Math.floor(now / SECOND_MS);
    if (this.#second !== second) {
      this.#second = second;
      this.#left = this.#request.maxRps;
    }
    if (this.#left === 0) return this.drop("max_rps");
    this.#left -= 1;
    if (!this.#stream.send("line", text)) this.drop("reader_slow");
  }

  #shown(line: TailedLine, record: () => AccessRecord): string | null {
    const { namespace } = this.#request;
    if (namespace === null || this.#rest === null) return line.text;
    const seen = seenBy(record(), line.parties, { namespace });
    // What is hidden must not be found out by a condition on it.
    return seen !== null && this.#rest(subjectIn(seen)) ? JSON.stringify(seen) : null;
  }

  /** Counts what is left out, and says so within a second. */
  drop(reason: Reason, count = 1): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
    this.#note ??= setTimeout(() => {
      this.#note = null;
      const reasons = this.#dropped;
      this.#dropped = {};
      const dropped = Object.values(reasons).reduce((sum, each) => sum + each, 0);
      if (!this.#stream.send("note", JSON.stringify({ dropped, reasons }))) this.#dropped = reasons;
    }, SECOND_MS);
  }

  /** A reader who is gone ends it soon after, mostly at the second time. */
  probe(): void {
    this.#stream.probe();
  }

  end(): void {
    this.#stream.end();
  }
}

/** A longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What gateways judge by: of a namespace's tail not by what is hidden from it of requests to others. */
function pushed(filter: TailFilter, namespace: string | null): TailFilter {
  if (namespace === null) return filter;
  const { policy: _, route: __, ...rest } = filter;
  return { ...rest, namespace };
}
