import { Hono } from "hono";
import { WantedKey } from "../../src/api/key-operations.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { reportTo } from "../../src/resources/report.ts";
import { readShape } from "../../src/resources/shape.ts";
import { answer, type Api, needsPath, refusal, writerOf } from "./access.ts";
import { apiKeyStore, type KeyPlace, MAX_KEYS, type NoKey } from "./db/api-keys.ts";
import { readPlain } from "./json-body.ts";
import { pageSize } from "./whole-number.ts";

const FORM = '{"name": "acme", "namespace": "shop", "plan"?: "gold", "labels"?: {"team": "a"}, "ttlSeconds"?: 86400}';

/** As if they were objects: who may write policies of a namespace makes its keys, and who may read it sees them. */
const KEYS = { group: "tulle.dev", resource: "apikeys" };

const PAGE = 100;
const MAX_PAGE = 500;

const placeText = ({ namespace, createdAt, id }: KeyPlace): string => `${namespace}.${createdAt}.${id}`;

/** @returns undefined where no page answered that */
function placeOf(text: string): KeyPlace | undefined {
  const [, namespace, createdAt, id] = /^([a-z0-9-]{1,63})\.(\d{1,15})\.([0-9a-f-]{36})$/.exec(text) ?? [];
  if (namespace === undefined || id === undefined) return undefined;
  return { namespace, createdAt: Number(createdAt), id };
}

/** API keys of services' clients: shown once, revoked by id. A token of one namespace reaches the keys of that namespace alone. */
export function keyRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/keys", needsPath, async (c) => {
    const { namespace: own } = c.var.account;
    const { namespace: wanted, limit: most, continue: from } = c.req.query();
    const limit = pageSize(most, PAGE, MAX_PAGE);
    if (limit === null) return answer(c, failure("BadRequest", "limit: must be a whole number, and at least 1"));
    const after = from === undefined ? null : placeOf(from);
    if (after === undefined) return answer(c, failure("BadRequest", "`continue` is not what a page before answered"));
    if (wanted !== undefined) {
      const refused = await refusal(c, { verb: "list", ...KEYS, namespace: wanted });
      if (refused !== null) return answer(c, refused);
    }
    const keys = await apiKeyStore(c.env.DB).list(wanted ?? own, after, limit);
    const last = keys.length === limit ? keys.at(-1) : undefined;
    return c.json({ keys, continue: last === undefined ? null : placeText(last) });
  });
  app.post("/keys", async (c) => {
    const body = await readPlain(c.req.raw, FORM);
    if (!body.ok) return answer(c, body.error);
    const findings: Finding[] = [];
    const wanted = readShape(WantedKey, body.value, reportTo(findings));
    if (wanted === null) return answer(c, unread(findings));
    const { name, namespace, plan = null, labels = {}, ttlSeconds } = wanted;
    const refused = await refusal(c, { verb: "create", ...KEYS, namespace });
    if (refused !== null) return answer(c, refused);
    const now = Date.now();
    const expiresAt = ttlSeconds === undefined ? null : now + ttlSeconds * 1_000;
    const key = { name, namespace, plan, labels, expiresAt };
    const made = await apiKeyStore(c.env.DB).create(key, now, writerOf(c));
    if (typeof made === "string") return answer(c, unmade(made, namespace));
    return c.json({ ...made, ...key, createdAt: now }, 201, { "cache-control": "no-store" });
  });
  app.delete("/keys/:id", async (c) => {
    const id = c.req.param("id");
    const store = apiKeyStore(c.env.DB);
    const namespace = await store.namespaceOf(id);
    const { namespace: own } = c.var.account;
    // Another namespace's is as good as none.
    if (namespace === null || (own !== null && own !== namespace))
      return answer(c, failure("NotFound", `there is no API key \`${id.slice(0, 64)}\` to revoke`));
    const refused = await refusal(c, { verb: "delete", ...KEYS, namespace });
    if (refused !== null) return answer(c, refused);
    await store.revoke(id, Date.now(), writerOf(c));
    return c.body(null, 204);
  });
  return app;
}

function unmade(why: NoKey, namespace: string): Status {
  if (why === "full") return failure("Forbidden", `\`${namespace}\` has ${MAX_KEYS} keys that hold: revoke some first`);
  return failure("NotFound", `namespaces "${namespace}" not found: apply the Namespace first, then make its keys`);
}

function unread(findings: readonly Finding[]): Status {
  const told = findings.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  return failure("BadRequest", `${told.join("; ")}; send JSON: ${FORM}`);
}
