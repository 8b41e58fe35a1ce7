import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The cases of this project. */
export const OWN_CASES = join(import.meta.dirname, "cases");

export type Header = readonly [string, string];

export interface AttackRequest {
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly headers?: readonly Header[];
  readonly body?: string;
  readonly raw?: string;
  readonly scheme?: string;
  readonly tls?: TlsClient | null;
  readonly jwt?: TokenSpec;
  readonly jwt2?: TokenSpec;
  readonly mutate?: string;
  readonly cf_connecting_ip?: string;
  readonly via?: string;
  readonly generator?: string;
  readonly n?: number;
  readonly seed?: number;
  readonly from_ip?: string;
  readonly apply?: boolean;
  readonly value?: string;
  readonly csr?: boolean;
  readonly explain?: boolean;
}

export interface TlsClient {
  readonly peer?: string;
  readonly uriSans?: readonly string[];
  readonly dnsSans?: readonly string[];
  readonly cn?: string;
  readonly notAfter?: string;
  readonly notBefore?: string;
  readonly basicConstraintsCA?: boolean;
  readonly keyUsage?: readonly string[] | null;
  readonly issuer?: string;
  readonly certRFC9440?: unknown;
  /** Copied into `request.cf.tlsClientAuth` as they stand. */
  readonly [plain: string]: unknown;
}

export interface TokenSpec {
  readonly header?: Readonly<Record<string, unknown>> | string;
  readonly claims?: Readonly<Record<string, unknown>> | string;
  readonly sign?: string;
  readonly payload?: string;
  readonly header_raw?: string;
  readonly serialization?: string;
  readonly mutate?: string;
  /** Single claims of an otherwise good token. */
  readonly [claim: string]: unknown;
}

/** An API key that a case wants made. */
export interface KeySpec {
  /** By which the case names it: `$key:NAME`. */
  readonly name: string;
  /** Whose services take it; absent: `prod`, the case's own. */
  readonly namespace?: string;
  /** The client's name; absent: `name`. */
  readonly client?: string;
  readonly plan?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ttlSeconds?: number;
  readonly revoked?: boolean;
  /** False: of a key's form, and nobody's. */
  readonly made?: false;
}

interface Setup {
  readonly policies?: string;
  readonly keys?: readonly KeySpec[];
  readonly words?: string;
  readonly document?: string;
  readonly generator?: string;
  readonly n?: number;
  readonly seed?: number;
}

export interface AttackCase {
  readonly id: string;
  readonly title: string;
  readonly class: string;
  readonly severity?: string;
  readonly kind: "attack" | "control";
  readonly target: string;
  readonly setup?: Setup;
  readonly requests: readonly AttackRequest[];
  readonly must: Must;
}

type Texts = Readonly<Record<string, string>>;

export interface Must {
  readonly status?: readonly number[];
  readonly status_seq?: readonly (readonly number[])[];
  /** How often each code comes, over the whole run. */
  readonly status_counts?: Readonly<Record<string, number>>;
  readonly status_multiset?: Readonly<Record<string, number>>;
  readonly status_multiset_max?: Readonly<Record<string, number>>;
  readonly upstream_hits?: number;
  readonly upstream_hits_max?: number;
  readonly upstream_path?: string;
  readonly upstream_target?: string;
  readonly upstream_path_never?: readonly string[];
  readonly upstream_headers?: Texts;
  readonly upstream_headers_absent?: readonly string[];
  readonly upstream_headers_not?: Texts;
  readonly response_headers?: Texts;
  readonly response_headers_present?: readonly string[];
  readonly response_headers_absent?: readonly string[];
  readonly response_headers_not?: Texts;
  /** No answer to a request from this origin says that it is allowed. */
  readonly response_headers_absent_for_origin?: string;
  readonly mirror_headers_absent?: readonly string[];
  readonly no_fetch_to?: readonly string[];
  readonly no_fetch?: boolean;
  readonly jwks_fetches_max?: number;
  readonly max_ms?: number;
  /** How much the runtime may grow. */
  readonly memory_mb_max?: number;
  readonly apply?: "rejected" | "accepted";
  readonly warn_at_apply?: string;
  readonly error_contains?: string;
  readonly state_unchanged?: boolean;
  readonly prototype_clean?: boolean;
  readonly issued?: boolean;
  readonly issued_count?: number;
  readonly logs_absent?: readonly string[];
  readonly body_absent?: readonly string[];
  readonly metric?: string;
  /** What holds of each request, as words do. */
  readonly invariant?: string;
  readonly words?: string;
}

/** A case that does not hold yet. */
export interface Wait {
  readonly case: string;
  /** The feature of the mesh that is missing. */
  readonly missing: string;
  /** Where it will be built. */
  readonly area: string;
}

/** All cases of a folder, by the names of its files. @throws if a file is no list of cases, or two cases have one id */
export function readCases(folder: string): readonly AttackCase[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .toSorted();
  const cases = files.flatMap((name) => casesIn(join(folder, name)));
  if (cases.length === 0) throw new Error(`no cases in ${folder}`);
  const twice = cases.find(({ id }, at) => cases.findIndex((other) => other.id === id) !== at);
  if (twice !== undefined) throw new Error(`two cases are called ${twice.id}`);
  return cases;
}

function casesIn(path: string): readonly AttackCase[] {
  const { cases, count } = JSON.parse(readFileSync(path, "utf8")) as {
    readonly cases?: readonly AttackCase[];
    readonly count?: number;
  };
  if (!Array.isArray(cases)) throw new Error(`${path} has no list of \`cases\``);
  if (count !== undefined && count !== cases.length) throw new Error(`${path} has ${cases.length} cases, not ${count}`);
  return cases;
}

export const WAITING = JSON.parse(readFileSync(join(import.meta.dirname, "waits.json"), "utf8")) as readonly Wait[];

const WAITS: ReadonlyMap<string, Wait> = new Map(WAITING.map((wait) => [wait.case, wait]));

/** The feature that a case waits for, or null. */
export function waitOf(attack: AttackCase): string | null {
  return WAITS.get(attack.id)?.missing ?? null;
}

/** `{{repeat:TEXT:N}}` written out. */
export function expanded(text: string): string {
  return text.replace(/\{\{repeat:(.*?):(\d+)\}\}/gs, (_, part: string, count: string) => part.repeat(Number(count)));
}

/** `{now+60}` in a text that is applied: the time so many seconds from now, in UTC. */
export function timed(text: string): string {
  return text.replace(/\{now([+-]\d+)\}/g, (_, seconds: string) =>
    new Date(Date.now() + Number(seconds) * 1_000).toISOString(),
  );
}

/** `max_ms` is measured by the bench. Here it only tells a hang from an answer, on a machine that does much else. */
export function patienceOf({ max_ms }: Must): number {
  return max_ms === undefined ? 30_000 : Math.max(20 * max_ms, 5_000);
}
