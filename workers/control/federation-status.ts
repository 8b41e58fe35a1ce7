/** Authorities by trust domain, base64 DER. */
export type FederatedAuthorities = Readonly<Record<string, readonly string[]>>;

/** How it is with one other trust domain. */
export interface FederationStatus {
  readonly trustDomain: string;
  readonly url: string;
  /** Certificates that speak for it, base64 DER; none: nothing good ever came. */
  readonly authorities: readonly string[];
  readonly sequence: number | null;
  /** RFC 3339: when the bundle that counts was last had; null: never. */
  readonly fetchedAt: string | null;
  /** What went wrong at the last try, while the last good bundle counts on; null: nothing. */
  readonly problem: string | null;
}
