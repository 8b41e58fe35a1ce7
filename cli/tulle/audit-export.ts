import { z } from "zod";
import { ask, type Client } from "./client.ts";
import { CommandError } from "./command-error.ts";
import { print } from "./output.ts";

/** Of one answer. */
const ROWS = 1_000;

/** As control keeps it: whoever has all rows can work the chain out again. */
const Row = z.looseObject({ id: z.number(), previous: z.string(), hash: z.string() });
const Page = z.object({ entries: z.array(Row) });

/** The end of what was written: whoever keeps it can tell later that nothing was taken out before it. */
interface Head {
  readonly id: number;
  readonly hash: string;
}

/**
 * Writes all rows, oldest first, one line of JSON each, and at last the head of their chain: `{ "head": { id, hash }, "rows": n }`.
 *
 * @throws where a row does not follow on the one before it; what was written until then stands
 */
export async function exportAudit(client: Client): Promise<void> {
  let head = null as Head | null;
  let rows = 0;
  for (;;) {
    const entries = await page(client, head?.id ?? 0);
    for (const row of entries) {
      if (row.id !== (head?.id ?? 0) + 1 || row.previous !== (head?.hash ?? ""))
        throw new CommandError(
          `row ${row.id} of the audit does not follow on ${head === null ? "the beginning" : `row ${head.id}`}: tulle audit --verify tells more`,
        );
      print(JSON.stringify(row));
      head = { id: row.id, hash: row.hash };
      rows += 1;
    }
    if (entries.length < ROWS) break;
  }
  print(JSON.stringify({ head, rows }));
}

async function page(client: Client, after: number): Promise<z.infer<typeof Page>["entries"]> {
  const query = { after: String(after), limit: String(ROWS) };
  return (await ask(client, { path: "/audit", query }, Page)).value.entries;
}
