import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = import.meta.dirname;

export interface AttackRequest {
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly raw?: string;
  readonly tls?: TlsClient | null;
  readonly jwt?: TokenSpec;
  readonly jwt2?: TokenSpec;
  readonly mutate?: string;
  readonly cf_connecting_ip?: string;
  readonly via?: string;
  readonly generator?: string;
  readonly n?: number;
  readonly seed?: number;
  readonly apply?: boolean;
  readonly value?: string;
}

export interface TlsClient {
  readonly peer?: string;
  readonly uriSans?: readonly string[];
  readonly dnsSans?: readonly string[];
  readonly cn?: string;
  readonly notAfter?: string;
  readonly notBefore?: string;
  readonly certRFC9440?: string;
  readonly [field: string]: unknown;
}

export interface TokenSpec {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly sign?: string;
  readonly payload?: string;
  readonly serialization?: string;
}

export interface AttackCase {
  readonly id: string;
  readonly title: string;
  readonly class: string;
  readonly kind: "attack" | "control";
  readonly target: string;
  readonly setup?: { readonly policies?: string; readonly words?: string; readonly document?: string };
  readonly requests: readonly AttackRequest[];
  readonly must: Must;
}

export interface Must {
  readonly status?: readonly number[];
  readonly status_seq?: readonly (readonly number[])[];
  readonly upstream_hits?: number;
  readonly upstream_hits_max?: number;
  readonly upstream_path?: string;
  readonly upstream_path_never?: readonly string[];
  readonly upstream_headers?: Readonly<Record<string, string>>;
  readonly upstream_headers_absent?: readonly string[];
  readonly response_headers?: Readonly<Record<string, string>>;
  readonly response_headers_absent?: readonly string[];
  readonly response_headers_not?: Readonly<Record<string, string>>;
  /** No answer to a request from this origin says that it is allowed. */
  readonly response_headers_absent_for_origin?: string;
  readonly no_fetch_to?: readonly string[];
  readonly no_fetch?: boolean;
  readonly jwks_fetches_max?: number;
  readonly warn_at_apply?: string;
  readonly error_contains?: string;
  readonly apply?: "rejected" | "accepted";
  readonly words?: string;
  /** What holds of each request, as words do. */
  readonly invariant?: string;
  readonly state_unchanged?: boolean;
  readonly body_absent?: readonly string[];
  readonly max_ms?: number;
  readonly [other: string]: unknown;
}

/** A case that does not hold yet. */
export interface Wait {
  readonly case: string;
  /** What is missing: of the mesh, or of this runner. */
  readonly missing: string;
  /** Where it will be built. */
  readonly area: string;
}

/** Classes whose cases are tried on the control Worker alone; `control.test.ts` has them. */
export const CONTROL_CLASSES: ReadonlySet<string> = new Set(["admin-api", "ca-and-enrolment", "yaml-and-json-input"]);

export const CASES: readonly AttackCase[] = readdirSync(join(FOLDER, "cases"))
  .filter((name) => name.endsWith(".json"))
  .toSorted()
  .flatMap(
    (name) => (JSON.parse(readFileSync(join(FOLDER, "cases", name), "utf8")) as { cases: readonly AttackCase[] }).cases,
  );

export const WAITING = JSON.parse(readFileSync(join(FOLDER, "waits.json"), "utf8")) as readonly Wait[];

export const WAITS: ReadonlyMap<string, Wait> = new Map(WAITING.map((wait) => [wait.case, wait]));

/** `{{repeat:TEXT:N}}` written out. */
export function expanded(text: string): string {
  return text.replace(/\{\{repeat:(.*?):(\d+)\}\}/gs, (_, part: string, count: string) => part.repeat(Number(count)));
}

/** `max_ms` is measured by the bench. Here it only tells a hang from an answer, on a machine that does much else. */
export function patienceOf({ max_ms }: Must): number {
  return max_ms === undefined ? 30_000 : Math.max(20 * max_ms, 5_000);
}
