import { and, asc, desc, eq, gt, lt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { GatewayProps, Registration } from "../../../src/snapshot/rpc.ts";
import type { KubeObject, ObjectRef } from "../../../src/resources/object.ts";
import { refKey } from "../../../src/resources/object.ts";
import type { Env } from "../env.ts";
import { afterLastAudit, auditLog } from "./audit.ts";
import { changes, deployments, generations, meta, objects, revisions } from "./schema.ts";
import { sealing } from "./sealed.ts";

/** One changed object of a write. */
export interface StoredChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly ref: ObjectRef;
  /** After the change, with its own resourceVersion; of a deleted object its last state with a new one. */
  readonly object: KubeObject;
  /** Labels before it: whether the object left a selector. Null where it was not there. */
  readonly previousLabels: Readonly<Record<string, string>> | null;
  /** Epoch ms. */
  readonly at: number;
}

/** A generation of the configuration. */
export interface Generation {
  readonly generation: number;
  /** Epoch ms. */
  readonly at: number;
  readonly actor: string;
  readonly verb: string;
  /** How many objects it changed. */
  readonly changes: number;
}

/** One write, all or nothing. */
export interface Commit {
  /** Random; what tells whether it landed when the answer was lost. */
  readonly id: string;
  readonly expectedRv: number;
  readonly rv: number;
  readonly generation: number;
  readonly changes: readonly (StoredChange & {
    /** Whether it is one of the configuration, and so part of the generation. */
    readonly configuration: boolean;
  })[];
  readonly actor: string;
  /** By what the actor was known, for the audit; null: the mesh itself. */
  readonly account: string | null;
  readonly verb: string;
  /** Epoch ms. */
  readonly at: number;
}

export interface Counters {
  readonly rv: number;
  readonly generation: number;
  /** The change log holds every change after this resourceVersion. */
  readonly compacted: number;
}

function countersOf(row: typeof meta.$inferSelect | undefined): Counters {
  const { rv = 0, generation = 0, compacted = 0 } = row ?? {};
  return { rv, generation, compacted };
}

/** A bound value may be 2 MB. */
const MAX_PARAMETER_CHARACTERS = 600_000;

/** Of a row: what names its object, and the object. */
const ROW = {
  group: objects.group,
  kind: objects.kind,
  namespace: objects.namespace,
  name: objects.name,
  json: objects.json,
};

/** All SQL of the objects and their changes. Secrets are sealed on their way in and opened on their way out. */
export function objectStore({ DB: database, KEY_ENCRYPTION_SECRET }: Pick<Env, "DB" | "KEY_ENCRYPTION_SECRET">) {
  const db = drizzle(database);
  const log = auditLog(database);
  const vault = sealing(KEY_ENCRYPTION_SECRET);
  const opened = async (rows: readonly (ObjectRef & { readonly json: string })[]): Promise<readonly KubeObject[]> =>
    Promise.all(rows.map(async ({ json, ...ref }) => vault.fromRow(json, ref)));

  return {
    /** Counters and all objects as of one moment. */
    async load(): Promise<Counters & { readonly objects: readonly KubeObject[] }> {
      const [counters, rows] = await db.batch([db.select().from(meta), db.select(ROW).from(objects)]);
      const [row] = counters;
      return { ...countersOf(row), objects: await opened(rows) };
    },

    async counters(): Promise<Counters> {
      const [row] = await db.select().from(meta);
      return countersOf(row);
    },

    async get(ref: ObjectRef): Promise<KubeObject | null> {
      const [row] = await db.select({ json: objects.json }).from(objects).where(isRef(ref));
      return row ? vault.fromRow(row.json, ref) : null;
    },

    /**
     * Objects of a kind in the order of namespace and name, after `after`, with the counters of the same moment.
     *
     * @param namespace null: of all
     */
    async list(
      { group, kind }: { readonly group: string; readonly kind: string },
      namespace: string | null,
      after: { readonly namespace: string; readonly name: string } | null,
      limit: number,
    ): Promise<Counters & { readonly objects: readonly KubeObject[] }> {
      const conditions = [eq(objects.group, group), eq(objects.kind, kind)];
      if (namespace !== null) conditions.push(eq(objects.namespace, namespace));
      if (after) conditions.push(sql`(${objects.namespace}, ${objects.name}) > (${after.namespace}, ${after.name})`);
      const [counters, rows] = await db.batch([
        db.select().from(meta),
        db
          .select(ROW)
          .from(objects)
          .where(and(...conditions))
          .orderBy(asc(objects.namespace), asc(objects.name))
          .limit(limit),
      ]);
      const [row] = counters;
      return { ...countersOf(row), objects: await opened(rows) };
    },

    /** The change log after a resourceVersion, oldest first; of one kind, or of all. */
    async changesAfter(
      rv: number,
      of: { readonly group: string; readonly kind: string } | null,
    ): Promise<readonly StoredChange[]> {
      const conditions = [gt(changes.rv, rv)];
      if (of) conditions.push(eq(changes.group, of.group), eq(changes.kind, of.kind));
      const rows = await db
        .select()
        .from(changes)
        .where(and(...conditions))
        .orderBy(asc(changes.rv));
      return Promise.all(
        rows.map(async ({ type, group, kind, namespace, name, json, previousLabels, at }) => {
          const ref = { group, kind, namespace, name };
          return {
            type: type as StoredChange["type"],
            ref,
            object: await vault.fromRow(json, ref),
            previousLabels: previousLabels === null ? null : (JSON.parse(previousLabels) as Record<string, string>),
            at,
          };
        }),
      );
    },

    /** Drops changes up to a resourceVersion that are older than a time, the oldest first. */
    async prune(upTo: number, before: number): Promise<void> {
      const old = and(lte(changes.rv, upTo), lt(changes.at, before));
      const bound = sql`(SELECT coalesce(max(${changes.rv}), 0) FROM ${changes} WHERE ${old})`;
      await db.batch([
        db.update(meta).set({ compacted: sql`max(${meta.compacted}, ${bound})` }),
        db.delete(changes).where(lte(changes.rv, sql`(SELECT ${meta.compacted} FROM ${meta})`)),
      ]);
    },

    /** Newest first. */
    async generations(before: number, limit: number): Promise<readonly Generation[]> {
      return db
        .select()
        .from(generations)
        .where(lt(generations.generation, before))
        .orderBy(desc(generations.generation))
        .limit(limit);
    },

    /** @returns the oldest generation that is kept; 0 where there is none */
    async oldestGeneration(): Promise<number> {
      const [row] = await db.select().from(generations).orderBy(asc(generations.generation)).limit(1);
      return row?.generation ?? 0;
    },

    /** One generation with what it changed; null where it is not kept. */
    async generation(
      generation: number,
    ): Promise<(Generation & { readonly changed: readonly (ObjectRef & { readonly type: string })[] }) | null> {
      const [rows, changed] = await db.batch([
        db.select().from(generations).where(eq(generations.generation, generation)),
        db.select().from(revisions).where(eq(revisions.generation, generation)),
      ]);
      const [row] = rows;
      return row
        ? {
            ...row,
            changed: changed.map(({ type, group, kind, namespace, name }) => ({ type, group, kind, namespace, name })),
          }
        : null;
    },

    /** The configuration as of a generation: objects without status and the store's own metadata. */
    async configurationAt(generation: number): Promise<readonly KubeObject[]> {
      // SQLite takes the bare columns of a group from the row that has the maximum.
      const { results } = await database
        .prepare(
          `SELECT grp AS "group", kind, namespace, name, json, max(generation) FROM revisions
           WHERE generation <= ?1 GROUP BY grp, kind, namespace, name`,
        )
        .bind(generation)
        .all<ObjectRef & { json: string | null }>();
      return opened(
        results.flatMap(({ group, kind, namespace, name, json }) =>
          json === null ? [] : [{ group, kind, namespace, name, json }],
        ),
      );
    },

    /**
     * Writes counters, objects, change log and audit in one batch, whose number of statements does not grow with the
     * documents. Each statement is guarded: where another write came between, none of them does anything.
     *
     * @returns false where another write came between; throws where the database failed and nothing landed
     */
    async commit(write: Commit): Promise<boolean> {
      return afterLastAudit(async () => {
        const statements = await commitStatements(database, write);
        try {
          const [first] = await database.batch(statements);
          return first?.meta.changes === 1;
        } catch (error) {
          // The connection may have been lost after the commit: then the repeat of this write would be a second one.
          const [row] = await db.select().from(meta);
          if (row?.writer === write.id) return true;
          throw error;
        }
      });
    },

    async saveDeployment(props: GatewayProps, registration: Registration, at: number): Promise<void> {
      const values = { props: JSON.stringify(props), registration: JSON.stringify(registration), at };
      await db
        .insert(deployments)
        .values({ gateway: props.gateway, ...values })
        .onConflictDoUpdate({ target: deployments.gateway, set: values });
    },

    /** Names of the migrations that were applied, in their order, as wrangler remembers them; it may have made no such table. */
    async migrations(): Promise<readonly string[]> {
      try {
        const { results } = await database
          .prepare("SELECT name FROM d1_migrations ORDER BY id")
          .all<{ name: string }>();
        return results.map(({ name }) => name);
      } catch {
        return [];
      }
    },

    async deployments(): Promise<
      readonly { readonly props: GatewayProps; readonly registration: Registration; readonly at: number }[]
    > {
      const rows = await db.select().from(deployments).orderBy(asc(deployments.gateway));
      return rows.map(({ props, registration, at }) => ({
        props: JSON.parse(props) as GatewayProps,
        registration: JSON.parse(registration) as Registration,
        at,
      }));
    },
  };

  async function commitStatements(d1: D1Database, write: Commit): Promise<D1PreparedStatement[]> {
    const guard = "(SELECT writer FROM meta WHERE id = 1) = ?1";
    const statements = [
      d1
        .prepare("UPDATE meta SET rv = ?2, generation = ?3, writer = ?1 WHERE id = 1 AND rv = ?4")
        .bind(write.id, write.rv, write.generation, write.expectedRv),
    ];
    const rows = await Promise.all(
      write.changes.map(async ({ type, ref, object, previousLabels, configuration }) => ({
        ...ref,
        type,
        rv: Number(object.metadata.resourceVersion),
        json: await vault.toRow(object, ref),
        labels: previousLabels && JSON.stringify(previousLabels),
        configuration,
      })),
    );
    for (const part of parts(rows)) {
      statements.push(
        d1
          .prepare(
            `DELETE FROM objects WHERE ${guard} AND (grp, kind, namespace, name) IN (
             SELECT value ->> 'group', value ->> 'kind', value ->> 'namespace', value ->> 'name' FROM json_each(?2)
             WHERE value ->> 'type' = 'DELETED')`,
          )
          .bind(write.id, part),
        d1
          .prepare(
            `INSERT OR REPLACE INTO objects (grp, kind, namespace, name, rv, json)
             SELECT value ->> 'group', value ->> 'kind', value ->> 'namespace', value ->> 'name', value ->> 'rv', value ->> 'json'
             FROM json_each(?2) WHERE value ->> 'type' <> 'DELETED' AND ${guard}`,
          )
          .bind(write.id, part),
        d1
          .prepare(
            `INSERT INTO changes (rv, generation, type, grp, kind, namespace, name, json, previous_labels, at)
             SELECT value ->> 'rv', ?3, value ->> 'type', value ->> 'group', value ->> 'kind', value ->> 'namespace', value ->> 'name', value ->> 'json', value ->> 'labels', ?4
             FROM json_each(?2) WHERE ${guard}`,
          )
          .bind(write.id, part, write.generation, write.at),
        d1
          .prepare(
            `INSERT INTO revisions (grp, kind, namespace, name, generation, type, json)
             SELECT value ->> 'group', value ->> 'kind', value ->> 'namespace', value ->> 'name', ?3, value ->> 'type',
               CASE value ->> 'type' WHEN 'DELETED' THEN NULL ELSE json_remove(value ->> 'json', '$.status', '$.metadata.managedFields', '$.metadata.resourceVersion', '$.metadata.generation', '$.metadata.uid', '$.metadata.creationTimestamp') END
             FROM json_each(?2) WHERE value ->> 'configuration' = 1 AND ${guard}`,
          )
          .bind(write.id, part, write.generation),
      );
    }
    const configured = write.changes.filter(({ configuration }) => configuration).length;
    if (configured > 0)
      statements.push(
        d1
          .prepare(
            `INSERT INTO generations (generation, at, actor, verb, changes) SELECT ?2, ?3, ?4, ?5, ?6 WHERE ${guard}`,
          )
          .bind(write.id, write.generation, write.at, write.actor, write.verb, configured),
      );
    const emptied = write.changes.flatMap(({ type, ref }) =>
      type === "DELETED" && ref.group === "" && ref.kind === "Namespace" ? ref.name : [],
    );
    // Whoever makes the namespace anew gave nobody these keys.
    if (emptied.length > 0)
      statements.push(
        d1
          .prepare(
            `UPDATE api_keys SET revoked_at = ?3 WHERE ${guard} AND revoked_at IS NULL
             AND namespace IN (SELECT value FROM json_each(?2))`,
          )
          .bind(write.id, JSON.stringify(emptied), write.at),
      );
    statements.push(await auditStatement(d1, write, guard));
    return statements;
  }

  async function auditStatement(d1: D1Database, write: Commit, guard: string): Promise<D1PreparedStatement> {
    const { at, actor, account, verb } = write;
    const targets = write.changes.map(({ ref }) => refKey(ref));
    const row = await log.next({ at, actor, account, verb, targets }, write.generation);
    return d1
      .prepare(
        `INSERT INTO audit (id, at, actor, verb, targets, generation, previous, hash, account) SELECT ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE ${guard}`,
      )
      .bind(write.id, row.id, at, actor, verb, row.targets, row.generation, row.previous, row.hash, account);
  }
}

export type ObjectStore = ReturnType<typeof objectStore>;

function isRef({ group, kind, namespace, name }: ObjectRef) {
  return and(
    eq(objects.group, group),
    eq(objects.kind, kind),
    eq(objects.namespace, namespace),
    eq(objects.name, name),
  );
}

/** JSON lists of rows, each short enough to be bound. */
function parts(rows: readonly { readonly json: string }[]): readonly string[] {
  const lists: string[] = [];
  let list: string[] = [];
  let length = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (length + text.length > MAX_PARAMETER_CHARACTERS && list.length > 0) {
      lists.push(`[${list.join(",")}]`);
      list = [];
      length = 0;
    }
    list.push(text);
    length += text.length;
  }
  return list.length > 0 ? [...lists, `[${list.join(",")}]`] : lists;
}
