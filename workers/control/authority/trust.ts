/** What the authority tells: whom gateways let speak for the mesh, and who counts no more. */
export interface AuthorityTrust {
  /** Grows with each change. */
  readonly version: number;
  /** Certificates that sign workloads, base64 DER. */
  readonly authorities: readonly string[];
  readonly revoked: {
    /** Lower-case hex without leading zeros. */
    readonly serials: readonly string[];
    /** SPIFFE IDs without their scheme. */
    readonly ids: readonly string[];
  };
}
