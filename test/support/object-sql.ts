import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** SQLite, as Durable Objects have it, in memory. */
export function objectSql(): SqlStorage {
  const database = new DatabaseSync(":memory:");
  const exec = (query: string, ...values: SQLInputValue[]) => {
    const rows = database.prepare(query).all(...values);
    return Object.assign(Iterator.from(rows), { one: () => rows[0] });
  };
  return { exec } as unknown as SqlStorage;
}
