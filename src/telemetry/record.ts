/** One object per request: the access log, one line on the console and in the tail stream (R31: at most 8 KiB, no secrets, query names only). */
export interface AccessRecord {
  readonly event: "access";
  /** RFC 3339, when the request arrived. */
  readonly time: string;
  readonly request_id: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly gateway: string;
  readonly location: string;
  /** Of the root that decided; 0 when none was here. */
  readonly generation: number;
  readonly scope: string;
  readonly protocol: "http" | "workers-rpc";
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** Names of query parameters, never values. */
  readonly query_names: readonly string[];
  readonly status: number;
  /** Envoy's, comma-separated; `-` for none: NR NC DI FI UH UF UO UT UC DC UAEX UPE. */
  readonly response_flags: string;
  /** Our code of the refusal, or `via_upstream`. */
  readonly details: string;
  /** `ns/name` of the policy that decided, or null. */
  readonly policy: string | null;
  readonly source_principal: string | null;
  readonly source_workload: string;
  readonly request_principal: string | null;
  /** Why a client certificate that came did not count, or null. */
  readonly peer_refused: string | null;
  readonly route: string | null;
  /** `statPrefix` of the match block; left out where it has none. */
  readonly stat_prefix?: string;
  readonly cluster: string | null;
  readonly endpoint: string | null;
  readonly destination_service: string | null;
  readonly destination_principal: string | null;
  /** Milliseconds: whole, and until the answer's headers. */
  readonly duration_ms: number;
  readonly upstream_ms: number | null;
  /** Bytes of the answer's body; null where it was passed on untouched without a length. */
  readonly bytes_sent: number | null;
  readonly attempts: number;
  /** Copies that mirrors were sent. */
  readonly mirrors: number;
  readonly user_agent: string | null;
  readonly client_ip: string | null;
  /** How often the call had passed a gateway for the same service before; left out where it had not, and where nobody counts. */
  readonly loop?: number;
  /** `ns/name` of AUDIT policies that match; left out where none does. */
  readonly audit?: readonly string[];
  /** What policies under `istio.io/dry-run` would have done; left out where there are none. */
  readonly dry_run?: readonly DryRunRecord[];
  /** What would have refused the request where its service's namespace did not observe; left out where nothing would. */
  readonly observed?: readonly { readonly details: string; readonly policy: string | null }[];
}

/** Named as Istio's metadata of dry runs. */
interface DryRunRecord {
  readonly action: string;
  readonly shadow_engine_result: string;
  readonly shadow_effective_policy_id: string | null;
}
