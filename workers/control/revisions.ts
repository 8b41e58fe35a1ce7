import { Hono } from "hono";
import { Rollback } from "../../src/api/bodies.ts";
import { rfc3339 } from "../../src/kube/events.ts";
import { failure } from "../../src/kube/status.ts";
import { actorOf, answer, type Api, needsPath } from "./access.ts";
import { ifGeneration } from "./apply.ts";
import { type Generation, objectStore } from "./db/store.ts";
import { readJson } from "./json-body.ts";
import { isDryRun } from "./kube/request.ts";
import { unknownGeneration } from "./restore.ts";
import { revisionDiff } from "./revision-diff.ts";

const MAX_LISTED = 500;
const LISTED = 50;

/** The configuration's history: each generation, what it changed, and the way back to it. For the administrator. */
export function revisionRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  for (const path of ["/revisions", "/revisions/*", "/rollback"]) app.use(path, needsPath);
  app.get("/revisions", async (c) => {
    const limit = numberIn(c.req.query("limit"), LISTED);
    const before = numberIn(c.req.query("before"), Number.MAX_SAFE_INTEGER);
    if (limit === null || limit > MAX_LISTED || before === null)
      return answer(c, failure("BadRequest", `limit must be 1 to ${MAX_LISTED}, before the number of a generation`));
    const store = objectStore(c.env);
    const [listed, oldest] = await Promise.all([store.generations(before, limit), store.oldestGeneration()]);
    return c.json({ revisions: listed.map(shown), oldest });
  });
  app.get("/revisions/:generation", async (c) => {
    const generation = numberIn(c.req.param("generation"), 0);
    const store = objectStore(c.env);
    const found = generation === null ? null : await store.generation(generation);
    if (!found) return answer(c, await unknownGeneration(store, generation ?? 0));
    const { changed, ...head } = found;
    return c.json({ ...shown(head), changes: changed });
  });
  app.get("/revisions/:generation/diff", async (c) => {
    const to = numberIn(c.req.param("generation"), 0);
    const given = c.req.query("from");
    const from = given === undefined ? (to ?? 1) - 1 : numberIn(given, 0);
    if (from === null || (to !== null && from >= to))
      return answer(c, failure("BadRequest", "from must be the number of a generation before this one"));
    const store = objectStore(c.env);
    if (to === null || (await store.generation(to)) === null) return answer(c, await unknownGeneration(store, to ?? 0));
    const isKept = from > 0 && (await store.generation(from)) !== null;
    if (!isKept && given !== undefined) return answer(c, await unknownGeneration(store, from));
    return c.json(await revisionDiff(store, isKept ? from : 0, to));
  });
  app.post("/rollback", async (c) => {
    const dryRun = isDryRun(c);
    if (!dryRun.ok) return answer(c, dryRun.error);
    const condition = ifGeneration(c);
    if (!condition.ok) return answer(c, condition.error);
    const wanted = await readJson(c.req.raw, Rollback, '{"generation": N}');
    if (!wanted.ok) return answer(c, wanted.error);
    const { generation } = wanted.value;
    const written = await c.env.HUB.getByName("hub").rollback(generation, {
      ...actorOf(c),
      verb: `rollback to ${generation}`,
      dryRun: dryRun.value,
      ...condition.value,
    });
    if (!written.ok) {
      const [first] = written.failures;
      if (!first) throw new Error("a rollback failed without a reason");
      return answer(c, first.status);
    }
    const results = written.results
      .filter(({ action }) => action !== "unchanged")
      .map(({ action, object: { apiVersion, kind, metadata } }) => ({
        apiVersion,
        kind,
        namespace: metadata.namespace ?? "",
        name: metadata.name,
        action,
      }));
    return c.json({ generation: written.generation, results }, 200, { etag: `"${written.generation}"` });
  });
  return app;
}

function shown({ generation, at, actor, verb, changes }: Generation) {
  return { generation, at: rfc3339(at), actor, verb, changes };
}

function numberIn(text: string | undefined, otherwise: number): number | null {
  if (text === undefined) return otherwise;
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null;
}
