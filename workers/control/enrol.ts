import { type Context, Hono } from "hono";
import {
  CERTIFICATE_FORM,
  JOIN_TOKEN_FORM,
  JWT_SVID_FORM,
  RENEWAL_FORM,
  WantedCertificate,
  WantedJoinToken,
  WantedJwtSvid,
  WantedRenewal,
} from "../../src/api/bodies.ts";
import { answer, type Api, bearer, writerOf } from "./access.ts";
import type { Authority, Enrolment, EnrolmentRefusal } from "./authority/authority.ts";
import { auditLog } from "./db/audit.ts";
import { auditIssue, auditJwtSvid, auditRefusal } from "./enrolment-audit.ts";
import { enrolmentSettings } from "./enrolment-settings.ts";
import { readJson } from "./json-body.ts";
import { makeNonce } from "./nonces.ts";
import { assertionKeySet } from "../../src/identity/assertion-keys.ts";
import type { RevocationList } from "../../src/identity/revocation-list.ts";
import { failure, type StatusReason } from "../../src/kube/status.ts";
import type { Entitled } from "../../src/resources/enrolment-token.ts";

type Authorities = () => DurableObjectStub<Authority>;

/** Anybody may send to these routes, and a request for a certificate is below 16 KiB. */
const MAX_BODY_BYTES = 65_536;

const REASONS: Readonly<Record<EnrolmentRefusal, StatusReason>> = {
  token_unknown: "Unauthorized",
  proof_refused: "Unauthorized",
  identity_revoked: "Forbidden",
  authority_expired: "ServiceUnavailable",
  csr_malformed: "BadRequest",
  csr_unproven: "Invalid",
  csr_key: "Invalid",
};

/** What proves who somebody is. */
type Proof = "issuer-token" | "join-token" | "svid";

const UNPROVEN = failure("Unauthorized", "Unauthorized: send the proof of your certificate's key as a bearer token");

const NO_STORE = { "cache-control": "no-store" };

/** Whoever checks by them asks again for a key that it does not know. */
const PUBLISHED = { "cache-control": "public, max-age=60" };

/** So long an isolate answers who was revoked by itself: anybody may ask, and the Hub has one queue for all. Agents ask every ten seconds. */
const LISTED_MS = 2_000;

/** For workloads: a certificate against a join token; and what is public, by which certificates and assertions are checked. */
export function enrolRoutes(authority: Authorities): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/bundle", async (c) => {
    const { pem } = await authority().bundle();
    return c.body(pem, 200, { "content-type": "application/x-pem-file" });
  });
  app.get("/assertion-keys", async (c) => {
    const { ASSERTION_KEYS, TRUST_DOMAIN } = c.env;
    return c.json(await assertionKeySet(ASSERTION_KEYS, TRUST_DOMAIN), 200, PUBLISHED);
  });
  let listed: { readonly list: RevocationList; readonly at: number } | null = null;
  app.get("/revoked", async (c) => {
    // The list itself is kept, and no promise of it: another request's would end with that request.
    if (listed === null || Math.abs(Date.now() - listed.at) >= LISTED_MS)
      listed = { list: await c.env.HUB.getByName("hub").revocationList(), at: Date.now() };
    const { list } = listed;
    const etag = `"${list.version}-${list.maxAgeSeconds ?? ""}"`;
    const headers = { etag, "cache-control": "no-cache" };
    if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
    return c.json(list, 200, headers);
  });
  app.post("/enrol", async (c) => {
    const token = bearer(c.req.header("authorization"));
    if (token === null)
      return answer(
        c,
        failure("Unauthorized", "Unauthorized: send a join token, or a token of an issuer, as a bearer token"),
      );
    const wanted = await readJson(c.req.raw, WantedCertificate, CERTIFICATE_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const { csr, ttlSeconds } = wanted.value;
    const request = { token, csr, ttlMs: ttlSeconds * 1_000 };
    if (isJws(token)) {
      const settings = await enrolmentSettings(c.env);
      return concluded(c, "issuer-token", await authority().enrolByIssuer({ ...request, settings }));
    }
    return concluded(c, "join-token", await authority().enrol(request));
  });
  app.get("/spiffe-bundle", async (c) => c.json(await authority().spiffeBundle()));
  app.post("/nonces", async (c) => c.json(await makeNonce(c.env.KEY_ENCRYPTION_SECRET, Date.now()), 201, NO_STORE));
  app.post("/renew", async (c) => {
    const proof = bearer(c.req.header("authorization"));
    if (proof === null || !isJws(proof)) return answer(c, UNPROVEN);
    const wanted = await readJson(c.req.raw, WantedRenewal, RENEWAL_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const { ttlSeconds, ...held } = wanted.value;
    return concluded(c, "svid", await authority().renew({ ...held, proof, ttlMs: ttlSeconds * 1_000 }));
  });
  app.post("/jwt-svid", async (c) => {
    const proof = bearer(c.req.header("authorization"));
    if (proof === null || !isJws(proof)) return answer(c, UNPROVEN);
    const wanted = await readJson(c.req.raw, WantedJwtSvid, JWT_SVID_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const made = await authority().jwtSvid({ ...wanted.value, proof });
    if (!made.ok) return refused(c, "svid", made);
    await auditJwtSvid(c.env.DB, made.value.spiffeId, wanted.value.audience);
    return c.json(made.value, 201, NO_STORE);
  });
  return app;
}

/** A token of an issuer, or a proof; join tokens have no dots. */
function isJws(token: string): boolean {
  return token.split(".").length === 3;
}

/** Answers, once the audit has it. */
async function concluded(
  c: Context<Api>,
  by: Proof,
  enrolled: Enrolment & { readonly entitled?: Entitled },
): Promise<Response> {
  if (!enrolled.ok) return refused(c, by, enrolled);
  const { value, serial, entitled } = enrolled;
  await auditIssue(c.env.DB, { by, spiffeId: value.spiffeId, serial, ...entitled });
  return c.json(value, 201, NO_STORE);
}

async function refused(
  c: Context<Api>,
  by: Proof,
  refusal: Extract<Enrolment, { readonly ok: false }>,
): Promise<Response> {
  const { code, message, why } = refusal;
  const requestId = crypto.randomUUID();
  c.header("x-request-id", requestId);
  await auditRefusal(c.env.DB, { by, requestId, reason: why?.reason ?? code, subject: why?.subject ?? null });
  return answer(c, failure(REASONS[code], message));
}

/** For the administrator, who says which workload a token is for. */
export function joinTokenRoutes(authority: Authorities): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/join-tokens", async (c) => {
    const wanted = await readJson(c.req.raw, WantedJoinToken, JOIN_TOKEN_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const { ttlSeconds, ...holder } = wanted.value;
    const made = await authority().makeJoinToken(holder, ttlSeconds * 1_000);
    await auditLog(c.env.DB).add({
      ...writerOf(c),
      verb: "create-join-token",
      targets: [made.spiffeId],
      at: Date.now(),
    });
    return c.json(made, 201, NO_STORE);
  });
  return app;
}
