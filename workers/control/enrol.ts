import { Hono } from "hono";
import { z } from "zod";
import { isDnsLabel } from "../../src/resources/names.ts";
import { answer, type Api, bearer } from "./access.ts";
import type { Authority, EnrolmentRefusal } from "./authority.ts";
import { objectStore } from "./db/store.ts";
import { readJson } from "./json-body.ts";
import { failure, type StatusReason } from "../../src/kube/status.ts";

type Authorities = () => DurableObjectStub<Authority>;

/** Anybody may send to these routes, and a request for a certificate is below 16 KiB. */
const MAX_BODY_BYTES = 65_536;
const MAX_TOKEN_SECONDS = 600;
const SVID_SECONDS = 3_600;
const MAX_SVID_SECONDS = 86_400;

const name = z.string().refine(isDnsLabel);
const WantedToken = z.strictObject({
  namespace: name,
  serviceAccount: name,
  ttlSeconds: z.int().min(1).max(MAX_TOKEN_SECONDS).default(MAX_TOKEN_SECONDS),
});
const WantedSvid = z.strictObject({
  csr: z.string().max(16_384),
  ttlSeconds: z.int().min(1).max(MAX_SVID_SECONDS).default(SVID_SECONDS),
});

const TOKEN_FORM = `{"namespace": "default", "serviceAccount": "web", "ttlSeconds"?: 1 to ${MAX_TOKEN_SECONDS}}`;
const SVID_FORM = `{"csr": "-----BEGIN CERTIFICATE REQUEST-----…", "ttlSeconds"?: 1 to ${MAX_SVID_SECONDS}}`;

const REASONS: Readonly<Record<EnrolmentRefusal, StatusReason>> = {
  token_unknown: "Unauthorized",
  csr_malformed: "BadRequest",
  csr_unproven: "Invalid",
  csr_key: "Invalid",
};

const NO_STORE = { "cache-control": "no-store" };

/** For workloads: a certificate against a join token, and the mesh's own certificate, which is public. */
export function enrolRoutes(authority: Authorities): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/bundle", async (c) => {
    const { pem } = await authority().bundle();
    return c.body(pem, 200, { "content-type": "application/x-pem-file" });
  });
  app.post("/enrol", async (c) => {
    const token = bearer(c.req.header("authorization"));
    if (token === null)
      return answer(c, failure("Unauthorized", "Unauthorized: send the join token as a bearer token"));
    const wanted = await readJson(c.req.raw, WantedSvid, SVID_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const { csr, ttlSeconds } = wanted.value;
    const enrolled = await authority().enrol({ token, csr, ttlMs: ttlSeconds * 1_000 });
    if (!enrolled.ok) return answer(c, failure(REASONS[enrolled.code], enrolled.message));
    return c.json(enrolled.value, 201, NO_STORE);
  });
  return app;
}

/** For the administrator, who says which workload a token is for. */
export function joinTokenRoutes(authority: Authorities): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/join-tokens", async (c) => {
    const wanted = await readJson(c.req.raw, WantedToken, TOKEN_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const { ttlSeconds, ...workload } = wanted.value;
    const made = await authority().makeJoinToken(workload, ttlSeconds * 1_000);
    await objectStore(c.env.DB).audit({
      actor: c.var.account.name,
      verb: "create-join-token",
      targets: [made.spiffeId],
      at: Date.now(),
    });
    return c.json(made, 201, NO_STORE);
  });
  return app;
}
