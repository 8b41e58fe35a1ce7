import { and, asc, desc, eq, gt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { GatewayProps, Registration } from "../../../src/snapshot/rpc.ts";
import type { KubeObject, ObjectRef } from "../../../src/resources/object.ts";
import { refKey } from "../../../src/resources/object.ts";
import { bytesToHex } from "../../../src/snapshot/bytes.ts";
import { audit, changes, deployments, meta, objects } from "./schema.ts";

/** One changed object of a write. */
export interface StoredChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly ref: ObjectRef;
  /** After the change, with its own resourceVersion; of a deleted object its last state with a new one. */
  readonly object: KubeObject;
}

/** One write, all or nothing. */
export interface Commit {
  /** Random; what tells whether it landed when the answer was lost. */
  readonly id: string;
  readonly expectedRv: number;
  readonly rv: number;
  readonly generation: number;
  readonly changes: readonly StoredChange[];
  readonly actor: string;
  readonly verb: string;
  /** Epoch ms. */
  readonly at: number;
}

export interface Counters {
  readonly rv: number;
  readonly generation: number;
}

/** A bound value may be 2 MB. */
const MAX_PARAMETER_CHARACTERS = 600_000;

/** All SQL of the objects, their changes and the audit. */
export function objectStore(database: D1Database) {
  const db = drizzle(database);

  return {
    /** Counters and all objects as of one moment. */
    async load(): Promise<Counters & { readonly objects: readonly KubeObject[] }> {
      const [counters, rows] = await db.batch([
        db.select().from(meta),
        db.select({ json: objects.json }).from(objects),
      ]);
      const [row] = counters;
      return {
        rv: row?.rv ?? 0,
        generation: row?.generation ?? 0,
        objects: rows.map(({ json }) => JSON.parse(json) as KubeObject),
      };
    },

    async counters(): Promise<Counters> {
      const [row] = await db.select().from(meta);
      return { rv: row?.rv ?? 0, generation: row?.generation ?? 0 };
    },

    async get(ref: ObjectRef): Promise<KubeObject | null> {
      const [row] = await db.select({ json: objects.json }).from(objects).where(isRef(ref));
      return row ? (JSON.parse(row.json) as KubeObject) : null;
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
          .select({ json: objects.json })
          .from(objects)
          .where(and(...conditions))
          .orderBy(asc(objects.namespace), asc(objects.name))
          .limit(limit),
      ]);
      const [row] = counters;
      return {
        rv: row?.rv ?? 0,
        generation: row?.generation ?? 0,
        objects: rows.map(({ json }) => JSON.parse(json) as KubeObject),
      };
    },

    /** Changes of the configuration after a generation, oldest first. */
    async changesAfter(generation: number): Promise<readonly (StoredChange & { readonly generation: number })[]> {
      const rows = await db.select().from(changes).where(gt(changes.generation, generation)).orderBy(asc(changes.rv));
      return rows.map(({ type, group, kind, namespace, name, json, generation: of }) => ({
        type: type as StoredChange["type"],
        ref: { group, kind, namespace, name },
        object: JSON.parse(json) as KubeObject,
        generation: of,
      }));
    },

    /**
     * Writes counters, objects, change log and audit in one batch, whose number of statements does not grow with the
     * documents. Each statement is guarded: where another write came between, none of them does anything.
     *
     * @returns false where another write came between; throws where the database failed and nothing landed
     */
    async commit(write: Commit): Promise<boolean> {
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
    },

    /** An audit row for what is no change of objects. */
    async audit({
      actor,
      verb,
      targets,
      at,
    }: {
      actor: string;
      verb: string;
      targets: readonly string[];
      at: number;
    }): Promise<void> {
      const { generation } = await this.counters();
      const row = await nextAudit({ at, actor, verb, targets: JSON.stringify(targets), generation });
      await db.insert(audit).values(row);
    },

    /** Rows after an id, oldest first. */
    async audited(after: number): Promise<readonly (typeof audit.$inferSelect)[]> {
      return db.select().from(audit).where(gt(audit.id, after)).orderBy(asc(audit.id)).limit(1_000);
    },

    async saveDeployment(props: GatewayProps, registration: Registration, at: number): Promise<void> {
      const values = { props: JSON.stringify(props), registration: JSON.stringify(registration), at };
      await db
        .insert(deployments)
        .values({ gateway: props.gateway, ...values })
        .onConflictDoUpdate({ target: deployments.gateway, set: values });
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
    const rows = write.changes.map(({ type, ref, object }) => ({
      ...ref,
      type,
      rv: Number(object.metadata.resourceVersion),
      json: JSON.stringify(object),
    }));
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
            `INSERT INTO changes (rv, generation, type, grp, kind, namespace, name, json, at)
             SELECT value ->> 'rv', ?3, value ->> 'type', value ->> 'group', value ->> 'kind', value ->> 'namespace', value ->> 'name', value ->> 'json', ?4
             FROM json_each(?2) WHERE ${guard}`,
          )
          .bind(write.id, part, write.generation, write.at),
      );
    }
    statements.push(await auditStatement(d1, write, guard));
    return statements;
  }

  async function auditStatement(d1: D1Database, write: Commit, guard: string): Promise<D1PreparedStatement> {
    const row = await nextAudit({
      at: write.at,
      actor: write.actor,
      verb: write.verb,
      targets: JSON.stringify(write.changes.map(({ ref }) => refKey(ref))),
      generation: write.generation,
    });
    return d1
      .prepare(
        `INSERT INTO audit (id, at, actor, verb, targets, generation, previous, hash) SELECT ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ${guard}`,
      )
      .bind(write.id, row.id, row.at, row.actor, row.verb, row.targets, row.generation, row.previous, row.hash);
  }

  /** Chained to the last row. Where two are made at once the second fails on its id, and so does what it tells of. */
  async function nextAudit(
    what: Omit<typeof audit.$inferSelect, "id" | "previous" | "hash">,
  ): Promise<typeof audit.$inferSelect> {
    const [last] = await db.select().from(audit).orderBy(desc(audit.id)).limit(1);
    const row = { ...what, id: (last?.id ?? 0) + 1, previous: last?.hash ?? "" };
    return { ...row, hash: await auditHash(row) };
  }
}

export type ObjectStore = ReturnType<typeof objectStore>;

/** The hash of an audit row over all its fields and the hash before it: a row that was changed or taken out shows. */
export async function auditHash(row: Omit<typeof audit.$inferSelect, "hash">): Promise<string> {
  const text = JSON.stringify([row.id, row.at, row.actor, row.verb, row.targets, row.generation, row.previous]);
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

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
