import { Bootstrapped, SessionMade, Sessions, SessionsEnded, TokenMade, Tokens } from "./credential-bodies.ts";
import { WantedSession, WantedToken } from "./bodies.ts";
import {
  BARE_CURL,
  curl,
  errors,
  pathParameter,
  field,
  NOTHING,
  CODE_ONLY,
  type Operations,
  referring,
} from "./operation.ts";

export const ACCOUNT_SENT = { WantedToken, WantedSession };
export const ACCOUNT_ANSWERED = { TokenMade, SessionMade, Sessions, SessionsEnded, Bootstrapped, Tokens };

const { body, answer } = referring<keyof typeof ACCOUNT_SENT, keyof typeof ACCOUNT_ANSWERED>();

/** Tokens and sessions of those who use the API. */
export const ACCOUNT_OPERATIONS: Operations = {
  "/api/v1/bootstrap": {
    post: {
      operationId: "bootstrap",
      summary: "An administrator's token, for the bootstrap secret",
      description:
        "For the first token of a deployment. `npm start` does this by itself, and keeps the secret in `.tulle/bootstrap.secret`; `tulle deploy` in `.tulle/deploy/MESH/bootstrap-secret`.",
      tags: ["Access"],
      security: [{ bootstrapSecret: [] }],
      responses: { "201": answer("The token, which never ends by itself.", "Bootstrapped"), ...errors() },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          source: `${BARE_CURL} -X POST \\\n  -H "Authorization: Bearer $(cat .tulle/bootstrap.secret)" "$TULLE/api/v1/bootstrap"`,
          "x-expect": '"token":"tulle_',
        },
      ],
    },
  },
  "/api/v1/tokens": {
    post: {
      operationId: "createToken",
      summary: "A new token for this API",
      tags: ["Access"],
      requestBody: body("WantedToken"),
      responses: {
        "201": answer("The token; only its hash is kept.", "TokenMade"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden"),
      },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl(
            "/api/v1/tokens",
            `--json '{"name": "ci", "role": "editor", "namespace": "tour", "ttlSeconds": 3600}'`,
          ),
          "x-expect": { name: "ci", role: "editor", namespace: "tour" },
        },
      ],
    },
    get: {
      operationId: "listTokens",
      summary: "The tokens that were made, without their secrets",
      tags: ["Access"],
      responses: { "200": answer("All of them, revoked and expired ones too.", "Tokens"), ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/tokens"),
          "x-expect": { tokens: [{ name: "ci", role: "editor", namespace: "tour", revokedAt: null }] },
        },
      ],
    },
  },
  "/api/v1/tokens/{id}": {
    delete: {
      operationId: "revokeToken",
      summary: "End a token now",
      tags: ["Access"],
      parameters: [pathParameter("id", "As the list has it.")],
      responses: { "204": NOTHING, ...errors("Forbidden", "NotFound") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: [
            `id=$(${curl("/api/v1/tokens", `--json '{"name": "short", "role": "viewer"}'`)} | ${field("id")})`,
            curl("/api/v1/tokens/$id", "-X DELETE", CODE_ONLY),
          ].join("\n"),
          "x-expect": "204",
        },
      ],
    },
  },
  "/api/v1/sessions": {
    post: {
      operationId: "signIn",
      summary: "A session for somebody's ID token",
      description:
        "The bearer token is the ID token of an issuer that `signIn` of the MeshConfig lists; behind Cloudflare Access its own header `Cf-Access-Jwt-Assertion` does. It makes one session (Access's may make more). A session's token is sent as any other, by kubectl too, and holds for 8 hours; what it may do is asked of the rules at every request.",
      tags: ["Access"],
      security: [{ idToken: [] }],
      requestBody: body("WantedSession"),
      responses: {
        "201": answer("The session; only its token's hash is kept.", "SessionMade"),
        ...errors("BadRequest", "RequestEntityTooLarge", "Forbidden"),
      },
      "x-tulle-role": null,
      "x-codeSamples": [
        {
          lang: "curl",
          label: "Without an ID token",
          source: `${BARE_CURL} -o /dev/null -w '%{http_code}\\n' --json '{"namespace": "tour"}' "$TULLE/api/v1/sessions" || true`,
          "x-expect": "401",
        },
      ],
    },
    get: {
      operationId: "listSessions",
      summary: "Who is signed in",
      tags: ["Access"],
      responses: { "200": answer("Those that hold, the oldest first.", "Sessions"), ...errors("Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [{ lang: "curl", source: curl("/api/v1/sessions"), "x-expect": { sessions: [] } }],
    },
    delete: {
      operationId: "endSessions",
      summary: "End all sessions of somebody now",
      tags: ["Access"],
      parameters: [
        { name: "issuer", in: "query", required: true, description: "As the list has it.", schema: { type: "string" } },
        {
          name: "subject",
          in: "query",
          required: true,
          description: "As the list has it.",
          schema: { type: "string" },
        },
      ],
      responses: { "200": answer("How many there were.", "SessionsEnded"), ...errors("BadRequest", "Forbidden") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          source: curl("/api/v1/sessions?issuer=https://login.example.com&subject=248289", "-X DELETE"),
          "x-expect": { ended: 0 },
        },
      ],
    },
  },
  "/api/v1/sessions/current": {
    delete: {
      operationId: "signOut",
      summary: "End the session whose token is sent",
      tags: ["Access"],
      responses: { "204": NOTHING, ...errors("BadRequest") },
      "x-tulle-role": "viewer",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "With an admin token, which is no session",
          source: `${curl("/api/v1/sessions/current", "-X DELETE", CODE_ONLY)} || true`,
          "x-expect": "400",
        },
      ],
    },
  },
  "/api/v1/sessions/{id}": {
    delete: {
      operationId: "endSession",
      summary: "End a session now",
      tags: ["Access"],
      parameters: [pathParameter("id", "As the list has it.")],
      responses: { "204": NOTHING, ...errors("Forbidden", "NotFound") },
      "x-tulle-role": "admin",
      "x-codeSamples": [
        {
          lang: "curl",
          label: "One that there is not",
          source: `${curl("/api/v1/sessions/none", "-X DELETE", CODE_ONLY)} || true`,
          "x-expect": "404",
        },
      ],
    },
  },
};
