import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The shared corpus of attacks, used in place; a checkout on its own has the unit tests. */
const CORPUS = join(import.meta.dirname, "../../../shared/attacks");

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
  readonly scheme?: string;
  readonly generator?: string;
  readonly apply?: boolean;
  readonly value?: string;
  readonly from_ip?: string;
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

interface Must {
  readonly status?: readonly number[];
  readonly upstream_hits?: number;
  readonly upstream_hits_max?: number;
  readonly upstream_path?: string;
  readonly upstream_path_never?: readonly string[];
  readonly upstream_headers?: Readonly<Record<string, string>>;
  readonly upstream_headers_absent?: readonly string[];
  readonly response_headers_absent?: readonly string[];
  readonly no_fetch_to?: readonly string[];
  readonly apply?: "rejected" | "accepted";
  readonly words?: string;
  readonly state_unchanged?: boolean;
  readonly body_absent?: readonly string[];
  readonly max_ms?: number;
  readonly [other: string]: unknown;
}

/** Classes whose cases are tried on the control Worker alone; `control.test.ts` has them. */
export const CONTROL_CLASSES: ReadonlySet<string> = new Set(["admin-api", "ca-and-enrolment", "yaml-and-json-input"]);

export function readCorpus(): readonly AttackCase[] {
  if (!existsSync(CORPUS)) return [];
  return readdirSync(CORPUS)
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .flatMap((name) => (JSON.parse(readFileSync(join(CORPUS, name), "utf8")) as { cases: AttackCase[] }).cases);
}

/** `{{repeat:TEXT:N}}` written out. */
export function expanded(text: string): string {
  return text.replace(/\{\{repeat:(.*?):(\d+)\}\}/gs, (_, part: string, count: string) => part.repeat(Number(count)));
}
