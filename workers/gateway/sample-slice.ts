import { canonicalJson } from "../../src/snapshot/canonical.ts";
import type { Cluster, RetryPolicy, Slice } from "../../src/snapshot/model.ts";

const NAME = "sample";
export const SAMPLE_HOST = "sample.invalid";
/** Of the token that its policies ask for. */
export const SAMPLE_ISSUER = "https://issuer.invalid";
const PREFIX = { kind: "prefix", value: "/" } as const;
const WORKLOAD = { name: NAME, namespace: NAME, principal: null, app: NAME, version: NAME };
const ENDPOINT = { address: { kind: "private", authority: SAMPLE_HOST }, weight: 1, workload: WORKLOAD } as const;

/** A point of the curve, as every public key is: its generator. */
const JWKS = JSON.stringify({
  keys: [
    {
      kty: "EC",
      crv: "P-256",
      x: "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
      y: "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    },
  ],
});

const cluster = (id: string): Cluster => ({
  id,
  service: { name: NAME, namespace: NAME, host: SAMPLE_HOST },
  port: 80,
  subset: id,
  loadBalancer: "LEAST_REQUEST",
  pool: { maxConnections: 2, maxPending: 2 },
  outlier: {
    alwaysEjectOne: true,
    consecutive5xx: 5,
    consecutiveGatewayErrors: 0,
    intervalMs: 1,
    baseEjectionMs: 1,
    maxEjectionPercent: 10,
    minHealthPercent: 0,
  },
  limits: [0],
  endpoints: [
    { ...ENDPOINT, id: `${id}-1`, policySet: 1 },
    { ...ENDPOINT, id: `${id}-2`, policySet: 1 },
  ],
});

const RETRIES: RetryPolicy = { attempts: 2, on: ["connect-failure", "unavailable"], statusCodes: [], backoffMs: 25 };

/** A host with one of each thing that usual hosts have: a Gateway, routes by header and by weight, a token, policies, a limit. */
const SLICE: Slice = {
  format: 4,
  host: SAMPLE_HOST,
  front: { gateway: NAME, workload: WORKLOAD, policySet: 0, clientCertificate: "none" },
  path: { mergeSlashes: true, escapedSlashes: "REFUSE", params: "REFUSE" },
  routes: [
    {
      name: "by-header",
      matches: [{ uri: PREFIX, headers: [{ name: NAME, match: { kind: "exact", value: NAME } }] }],
      destinations: [{ cluster: "v2", weight: 1 }],
      retries: RETRIES,
    },
    {
      name: "by-weight",
      matches: [{ uri: PREFIX }],
      destinations: [
        { cluster: "v1", weight: 9 },
        { cluster: "v2", weight: 1 },
      ],
      timeoutMs: 1_000,
      retries: RETRIES,
    },
  ],
  clusters: { v1: cluster("v1"), v2: cluster("v2") },
  limits: [
    {
      name: NAME,
      target: NAME,
      scope: "GLOBAL",
      key: [{ kind: "attribute", name: "request.auth.claims.iss" }],
      missing: "SHARE",
      rates: [{ limit: 100, windowMs: 1_000 }],
    },
  ],
  policySets: [
    { mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] },
    {
      mtls: "PERMISSIVE",
      jwt: [
        {
          name: NAME,
          issuer: SAMPLE_ISSUER,
          audiences: [NAME],
          keys: { kind: "inline", jwks: JWKS },
          from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: ["access_token"], cookies: [] },
          forwardOriginalToken: true,
          outputClaimToHeaders: [],
          spaceDelimitedClaims: [],
        },
      ],
      deny: [{ name: NAME, rules: [{ to: [{ paths: [{ kind: "prefix", value: "/private/" }] }] }] }],
      allow: [
        {
          name: NAME,
          rules: [
            {
              from: [
                {
                  requestPrincipals: [
                    { issuer: { kind: "exact", value: SAMPLE_ISSUER }, subject: { kind: "nonempty" } },
                  ],
                },
              ],
              to: [{ methods: [{ kind: "exact", value: "GET" }] }],
              when: [
                {
                  key: { kind: "request.auth.claims", path: ["scope"] },
                  values: [{ kind: "exact", value: NAME }],
                },
              ],
            },
          ],
        },
      ],
    },
  ],
};

/** The same as it would come: its parts have the shapes that those of real ones have. */
export const SAMPLE_SLICE = JSON.parse(canonicalJson(SLICE)) as Slice;
