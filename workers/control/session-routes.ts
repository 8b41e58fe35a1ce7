import { type Context, Hono } from "hono";
import { SESSION_FORM, WantedSession } from "../../src/api/bodies.ts";
import { permissionsOf } from "../../src/kube/access.ts";
import { rightsOf, type SignInProblem, userName } from "../../src/kube/sign-in.ts";
import { failure } from "../../src/kube/status.ts";
import { answer, type Api, bearer, meshConfig, needsPath, writerOf } from "./access.ts";
import { auditLog } from "./db/audit.ts";
import { sessionStore } from "./db/sessions.ts";
import { readJson } from "./json-body.ts";
import type { SignInRefusal } from "./sign-in/identify.ts";

const NO_STORE = { "cache-control": "no-store" };
/** Anybody may send to it, and there is little to say. */
const MAX_BODY_BYTES = 4_096;
/** Where Cloudflare Access puts its token; it takes away what a client sends under this name. */
const ACCESS_HEADER = "cf-access-jwt-assertion";

/** `POST /sessions`: a session for whoever has a token of an issuer that the mesh trusts. It carries its own credential. */
export function signInRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/sessions", async (c) => {
    const token = bearer(c.req.header("authorization"), MAX_TOKEN_CHARACTERS) ?? c.req.header(ACCESS_HEADER) ?? null;
    if (token === null)
      return answer(c, failure("Unauthorized", "Unauthorized: send the issuer's ID token as a bearer token"));
    const { signIn = [], egress } = await meshConfig(c);
    const settings = { entries: signIn, allowedHosts: egress?.allowedHosts ?? [] };
    const refuse = async (refusal: SignInRefusal) => {
      const { reason, issuer, subject } = refusal;
      const detail = { reason, ...(issuer !== null && { issuer }), ...(subject !== null && { subject }) };
      await auditLog(c.env.DB).refused({
        actor: "nobody",
        verb: "refuse-sign-in",
        targets: [],
        at: Date.now(),
        detail,
      });
      return answer(c, failure(reason === "no_rule" ? "Forbidden" : "Unauthorized", WORDS[reason]));
    };
    const found = await c.env.HUB.getByName("hub").identify(token, settings);
    if (!found.ok) return refuse(found.error);
    // Whoever has no good token hears nothing of what could be sent beside it.
    const wanted = await readJson(c.req.raw, WantedSession, SESSION_FORM, MAX_BODY_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    const { namespace: wish = null } = wanted.value;
    const { identity, once } = found.value;
    const rights = rightsOf(signIn, identity, wish);
    const { issuer, subject } = identity;
    if (rights === null) return refuse({ reason: "no_rule", issuer, subject });
    const made = await sessionStore(c.env.DB).create(identity, wish, once, Date.now());
    if (made === null) return refuse({ reason: "token_used", issuer, subject });
    const account = { ...made, name: userName(identity), ...rights };
    return c.json({ ...account, permissions: permissionsOf(account) }, 201, NO_STORE);
  });
  return app;
}

const MAX_TOKEN_CHARACTERS = 16_384;

/** Who calls has the token, and can read it: what is wrong with it is no secret. */
const WORDS: Readonly<Record<SignInProblem, string>> = {
  token_form: "the token is no signed JWT that is understood here",
  token_kind: "the token is no ID token; send the `id_token` of the provider's answer",
  token_issuer: "the mesh takes no tokens of this issuer; its administrator lists them in `signIn` of the MeshConfig",
  token_audience: "the token is for somebody else: its audience is none that the mesh has for this issuer",
  token_times:
    "the token has ended, was made more than a day ago, or is not valid yet; get a new one, or look at the clocks",
  token_subject: "the token has no `sub` of 1 to 255 printable characters",
  token_keys: "the issuer's keys cannot be had now; control's log says why. Try again",
  token_signature: "the token is signed by no key of its issuer",
  token_used: "the token made a session before; get a new one",
  no_rule: "the token is good, but no rule in `signIn` of the MeshConfig gives its holder access",
};

/** Sessions of those who signed in: their own to end, all for the administrator. */
export function sessionRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.delete("/sessions/current", async (c) => {
    const [kind, id] = c.var.account.id.split("/");
    if (kind !== "session" || id === undefined)
      return answer(c, failure("BadRequest", "this is an admin token, no session; `DELETE /api/v1/tokens/ID` ends it"));
    await sessionStore(c.env.DB).end(id, Date.now(), writerOf(c), "sign-out");
    await endWatches(c, [id]);
    return c.body(null, 204);
  });
  app.use("/sessions", needsPath);
  app.use("/sessions/:id", needsPath);
  app.get("/sessions", async (c) => {
    const { signIn } = await meshConfig(c);
    const listed = await sessionStore(c.env.DB).list(Date.now(), signIn);
    const sessions = listed.map(({ id, issuer, audience, subject, createdAt, expiresAt, rights }) => ({
      id,
      issuer,
      audience,
      subject,
      role: rights?.role ?? null,
      namespace: rights?.namespace ?? null,
      permissions: rights === null ? [] : permissionsOf({ id, name: subject, ...rights }),
      createdAt,
      expiresAt,
    }));
    return c.json({ sessions });
  });
  app.delete("/sessions", async (c) => {
    const { issuer, subject } = c.req.query();
    if (issuer === undefined || subject === undefined)
      return answer(
        c,
        failure("BadRequest", "issuer, subject: say whose sessions end, as `GET /api/v1/sessions` lists them"),
      );
    const ended = await sessionStore(c.env.DB).endOf(issuer, subject, Date.now(), writerOf(c));
    await endWatches(c, ended);
    return c.json({ ended: ended.length });
  });
  app.delete("/sessions/:id", async (c) => {
    const id = c.req.param("id");
    if (!(await sessionStore(c.env.DB).end(id, Date.now(), writerOf(c), "end-session")))
      return answer(c, failure("NotFound", `there is no session \`${id.slice(0, 64)}\` to end`));
    await endWatches(c, [id]);
    return c.body(null, 204);
  });
  return app;
}

/** What a session has open ends with it. */
async function endWatches({ env }: Pick<Context<Api>, "env">, ids: readonly string[]): Promise<void> {
  const accounts = ids.map((id) => `session/${id}`);
  await Promise.all([env.HUB.getByName("hub").endWatches(accounts), env.TAILS.getByName("tails").end(accounts)]);
}
