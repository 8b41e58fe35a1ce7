/** A case that no mesh can pass as the runner asks it: why, and the test of ours that tries what it means. */
interface Unpassable {
  readonly case: string;
  readonly reason: string;
  readonly triedBy: string;
}

/** Not run unless named by `--only`, and told at each run. A case stands here for what the runner does, never for what the mesh does. */
export const UNPASSABLE: readonly Unpassable[] = [
  {
    case: "load-balancing/consistent-hash-cookie-with-ttl",
    reason:
      "its client brings the cookie back from the second request on, and the runner wants Set-Cookie on all ten answers; Envoy makes a cookie only where the request has none",
    triedBy: "test/conformance/meant.long.test.ts",
  },
  {
    case: "egress/registry-only-to-declared-host",
    reason:
      "the runner starts a backend for a ServiceEntry without endpoints alone; this one names `external.example.internal`, where nothing answers, and a backend must have got the request",
    triedBy: "test/conformance/meant.long.test.ts",
  },
  {
    case: "request-authentication/jwks-fetch-times-out",
    reason:
      "the runner puts the right keys in place of its jwksUri, so nothing is fetched that could be late, and the token is good",
    triedBy: "test/conformance/meant.long.test.ts",
  },
];
