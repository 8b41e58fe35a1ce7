import {
  AssertionKeys,
  Enrolled,
  JoinTokenMade,
  JwtSvid,
  NonceMade,
  RevokedList,
  SpiffeBundle,
} from "./credential-bodies.ts";
import { WantedCertificate, WantedJoinToken, WantedJwtSvid, WantedRenewal } from "./bodies.ts";
import { BARE_CURL, curl, errors, field, type Operations, referring } from "./operation.ts";

export const ENROLMENT_SENT = { WantedJoinToken, WantedCertificate, WantedRenewal, WantedJwtSvid };
export const ENROLMENT_ANSWERED = {
  JoinTokenMade,
  Enrolled,
  NonceMade,
  JwtSvid,
  SpiffeBundle,
  AssertionKeys,
  RevokedList,
};

const { body, answer } = referring<keyof typeof ENROLMENT_SENT, keyof typeof ENROLMENT_ANSWERED>();

/** How workloads come to their identity, and what others verify it by. */
export const ENROLMENT_OPERATIONS: Operations = {
  "/api/v1/join-tokens": {
    post: {
      operationId: "createJoinToken",
      summary: "A token that gets one workload, or one gateway, one certificate",
      tags: ["Access"],
      requestBody: body("WantedJoinToken"),
      responses: {
        "201": answer("The token; it can be used once.", "JoinTokenMade"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/join-tokens", `--json '{"namespace": "tour", "serviceAccount": "guide"}'`),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/guide" },
        },
      ],
    },
  },
  "/api/v1/enrol": {
    post: {
      operationId: "enrol",
      summary: "A certificate, for a join token or a token of an issuer",
      description:
        "The workload makes a key, which stays with it, and a request that is signed by it. `tulle cert enrol` does all of this in one step. In place of the join token goes a token of an OpenID Connect issuer for which there is an EnrolmentRule.",
      tags: ["Access"],
      security: [{ joinToken: [] }],
      requestBody: body("WantedCertificate"),
      responses: {
        "201": answer("The certificate: one URI, the workload's SPIFFE ID.", "Enrolled"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Invalid"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            `token=$(${curl("/api/v1/join-tokens", `--json '{"namespace": "tour", "serviceAccount": "guide"}'`)} \\\n  | ${field("token")})`,
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \\\n  -keyout guide.key -subj / -out guide.csr 2>/dev/null",
            `${BARE_CURL} -H "Authorization: Bearer $token" \\\n  --json "{\\"csr\\": \\"$(awk '{printf "%s\\\\n", $0}' guide.csr)\\"}" "$TULLE/api/v1/enrol"`,
          ].join("\n"),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/guide" },
        },
      ],
    },
  },
  "/api/v1/bundle": {
    get: {
      operationId: "bundle",
      summary: "The mesh's own certificate",
      description: "What certificates of workloads are checked against. It is public.",
      tags: ["Access"],
      security: [],
      responses: {
        "200": { description: "PEM.", content: { "application/x-pem-file": { schema: { type: "string" } } } },
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/bundle"`,
          "x-expect": "-----BEGIN CERTIFICATE-----",
        },
      ],
    },
  },
  "/api/v1/nonces": {
    post: {
      operationId: "makeNonce",
      summary: "A nonce for one proof",
      description: "It counts once, for a minute.",
      tags: ["Access"],
      security: [],
      responses: { "201": answer("The nonce.", "NonceMade") },
      "x-tulle-role": null,
      "x-codeSamples": [
        { lang: "curl", source: `${BARE_CURL} -X POST "$TULLE/api/v1/nonces"`, "x-expect": '"nonce":' },
      ],
    },
  },
  "/api/v1/renew": {
    post: {
      operationId: "renew",
      summary: "A new certificate, for a good one",
      description:
        "Under the same SPIFFE ID, for the key of the request. The bearer token is a proof: a compact JWS by the key of the certificate that is held, over `aud`, `nonce`, `for: renew` and `csr`, the SHA-256 of the request; docs/identity.md tells more.",
      tags: ["Access"],
      security: [{ proof: [] }],
      requestBody: body("WantedRenewal"),
      responses: {
        "201": answer("The certificate.", "Enrolled"),
        ...errors("BadRequest", "Unauthorized", "RequestEntityTooLarge", "Invalid"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            "openssl genpkey -algorithm ed25519 -out owl.key\nopenssl req -new -key owl.key -subj / -out owl.csr",
            `pem() { awk '{printf "%s\\\\n", $0}' "$1"; }\nb64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }`,
            `token=$(${curl("/api/v1/join-tokens", `--json '{"namespace": "tour", "serviceAccount": "owl"}'`)} \\\n  | ${field("token")})`,
            `${BARE_CURL} -H "Authorization: Bearer $token" \\\n  --json "{\\"csr\\": \\"$(pem owl.csr)\\"}" "$TULLE/api/v1/enrol" > owl.json`,
            `nonce=$(${BARE_CURL} -X POST "$TULLE/api/v1/nonces" | ${field("nonce")})`,
            "csr=$(openssl req -in owl.csr -outform DER | openssl dgst -sha256 -binary | b64)",
            `claims='{"aud":"tulle://cluster.local","nonce":"'$nonce'","for":"renew","csr":"'$csr'"}'`,
            `printf '%s.%s' "$(printf '{"alg":"EdDSA"}' | b64)" "$(printf %s "$claims" | b64)" > owl.jws`,
            "proof=$(cat owl.jws).$(openssl pkeyutl -sign -inkey owl.key -rawin -in owl.jws | b64)",
            `${BARE_CURL} -H "Authorization: Bearer $proof" \\\n  --json "{\\"certificate\\": \\"$(${field("certificate")} < owl.json)\\",\n  \\"csr\\": \\"$(pem owl.csr)\\"}" "$TULLE/api/v1/renew"`,
          ].join("\n"),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/owl" },
        },
      ],
    },
  },
  "/api/v1/jwt-svid": {
    post: {
      operationId: "jwtSvid",
      summary: "A JWT-SVID for one audience, for a good certificate",
      description:
        "The bearer token is a proof: a compact JWS by the certificate's key, over `aud`, `nonce`, `for: jwt-svid` and `audience`; docs/identity.md tells more.",
      tags: ["Access"],
      security: [{ proof: [] }],
      requestBody: body("WantedJwtSvid"),
      responses: {
        "201": answer("The token; it holds for five minutes at most.", "JwtSvid"),
        ...errors("BadRequest", "Unauthorized", "RequestEntityTooLarge"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            "b64() { openssl base64 -A | tr '+/' '-_' | tr -d =; }",
            `nonce=$(${BARE_CURL} -X POST "$TULLE/api/v1/nonces" | ${field("nonce")})`,
            "for=spiffe://cluster.local/ns/tour/sa/wrens",
            `claims='{"aud":"tulle://cluster.local","nonce":"'$nonce'","for":"jwt-svid","audience":"'$for'"}'`,
            `printf '%s.%s' "$(printf '{"alg":"EdDSA"}' | b64)" "$(printf %s "$claims" | b64)" > owl.jws`,
            "proof=$(cat owl.jws).$(openssl pkeyutl -sign -inkey owl.key -rawin -in owl.jws | b64)",
            `${BARE_CURL} -H "Authorization: Bearer $proof" \\\n  --json "{\\"certificate\\": \\"$(${field("certificate")} < owl.json)\\",\n  \\"audience\\": \\"$for\\"}" "$TULLE/api/v1/jwt-svid"`,
          ].join("\n"),
          "x-expect": { spiffeId: "spiffe://cluster.local/ns/tour/sa/owl" },
        },
      ],
    },
  },
  "/api/v1/spiffe-bundle": {
    get: {
      operationId: "spiffeBundle",
      summary: "The mesh's SPIFFE trust bundle",
      description:
        "A JWK set: what X.509-SVIDs and JWT-SVIDs of the mesh are checked against, in the profile `https_web`. It is public.",
      tags: ["Access"],
      security: [],
      responses: { "200": answer("The bundle.", "SpiffeBundle") },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/spiffe-bundle"`,
          "x-expect": '"use":"x509-svid"',
        },
      ],
    },
  },
  "/api/v1/assertion-keys": {
    get: {
      operationId: "assertionKeys",
      summary: "The gateways' public keys",
      description:
        "A JWK set: what services check the assertions of gateways by. While a key changes, old and new are both listed. It is public.",
      tags: ["Access"],
      security: [],
      responses: { "200": answer("The keys of all gateways.", "AssertionKeys") },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/assertion-keys"`,
          "x-expect": '"crv":"Ed25519"',
        },
      ],
    },
  },
  "/api/v1/revoked": {
    get: {
      operationId: "revoked",
      summary: "Which certificates count no more",
      description:
        "For whoever checks certificates of the mesh beside its gateways, which have it in their signed configuration: serial numbers, and SHA-256 digests of SPIFFE IDs. These list no names, but who guesses an identity can check whether it is revoked. It may be two seconds old. With `If-None-Match` 304 where nothing changed; `tulle agent` asks every ten seconds. It is public.",
      tags: ["Access"],
      security: [],
      parameters: [
        {
          name: "If-None-Match",
          in: "header",
          description: "The `ETag` of what is known.",
          schema: { type: "string" },
        },
      ],
      responses: {
        "200": answer("All of them.", "RevokedList"),
        "304": { description: "Nothing changed." },
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} "$TULLE/api/v1/revoked"`,
          "x-expect": '"serials":[',
        },
      ],
    },
  },
};
