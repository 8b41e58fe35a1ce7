import type { KubeObject, ObjectRef } from "../../../src/resources/object.ts";
import { refKey } from "../../../src/resources/object.ts";

/** The write that brought an object to what it was. */
interface Revision {
  readonly generation: number;
  /** Epoch ms. */
  readonly at: number;
  readonly actor: string;
}

/** An object as it was in a generation, and since when. */
export interface Provenance {
  readonly revision: Revision;
  readonly object: KubeObject | null;
}

interface Row extends ObjectRef {
  readonly generation: number;
  readonly json: string | null;
  readonly at: number | null;
  readonly actor: string | null;
}

/**
 * By `refKey`, as of a generation. Objects that no generation has are left out.
 *
 * @param refs of kinds that are not sealed
 */
export async function provenanceOf(
  database: D1Database,
  refs: readonly ObjectRef[],
  generation: number,
): Promise<ReadonlyMap<string, Provenance>> {
  if (refs.length === 0) return new Map();
  const { results } = await database
    .prepare(
      // SQLite takes the bare columns of a group from the row that has the maximum.
      `SELECT r.grp AS "group", r.kind AS kind, r.namespace AS namespace, r.name AS name, r.json AS json,
         max(r.generation) AS generation, g.at AS at, g.actor AS actor
       FROM json_each(?1) AS wanted
       JOIN revisions AS r ON r.grp = wanted.value ->> 'group' AND r.kind = wanted.value ->> 'kind'
         AND r.namespace = wanted.value ->> 'namespace' AND r.name = wanted.value ->> 'name' AND r.generation <= ?2
       LEFT JOIN generations AS g ON g.generation = r.generation
       GROUP BY r.grp, r.kind, r.namespace, r.name`,
    )
    .bind(JSON.stringify(refs), generation)
    .all<Row & Record<string, unknown>>();
  return new Map(
    results.map(({ group, kind, namespace, name, json, generation: since, at, actor }) => [
      refKey({ group, kind, namespace, name }),
      {
        revision: { generation: since, at: at ?? 0, actor: actor ?? "" },
        object: json === null ? null : (JSON.parse(json) as KubeObject),
      },
    ]),
  );
}

/** When each object was made that a generation has, epoch ms, by `refKey`. */
export async function createdBy(database: D1Database, generation: number): Promise<ReadonlyMap<string, number>> {
  const { results } = await database
    .prepare(
      `SELECT r.grp AS "group", r.kind AS kind, r.namespace AS namespace, r.name AS name, g.at AS at, max(r.generation)
       FROM revisions AS r JOIN generations AS g ON g.generation = r.generation
       WHERE r.type = 'ADDED' AND r.generation <= ?1 GROUP BY r.grp, r.kind, r.namespace, r.name`,
    )
    .bind(generation)
    .all<ObjectRef & { at: number } & Record<string, unknown>>();
  return new Map(results.map(({ group, kind, namespace, name, at }) => [refKey({ group, kind, namespace, name }), at]));
}
