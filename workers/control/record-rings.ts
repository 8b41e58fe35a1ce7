import type { DecisionRecord } from "../../src/decide/decision-record.ts";
import type { TelemetryReport } from "../../src/snapshot/rpc.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import type { Env } from "./env.ts";
import type { Records, RecordWindow, RecordWish, StoredRecord } from "./records.ts";

type Rings = Pick<Env, "RECORDS" | "HUB">;

/** One object knows which locations have a ring. */
const INDEX = "index";
const MAX_LOCATION = 64;

/** Locations that this isolate has told the index of. */
const told = new Set<string>();

function ring({ RECORDS }: Rings, location: string): DurableObjectStub<Records> {
  return RECORDS.getByName(`location/${location}`);
}

/**
 * Keeps what came of one location, with the slices that it names. It never fails: what observes does not stand in the way of what
 * comes with it.
 *
 * @returns how many records were lost
 */
export async function keepRecords(
  env: Rings,
  from: { readonly source: string; readonly sequence: number },
  { location, records }: NonNullable<TelemetryReport["records"]>,
): Promise<number> {
  try {
    const place = location.slice(0, MAX_LOCATION);
    if (!told.has(place)) {
      await env.RECORDS.getByName(INDEX).remember(place);
      told.add(place);
    }
    const missing = await ring(env, place).add(from, records);
    if (missing.length > 0) await ring(env, place).keepSlices(await env.HUB.getByName("hub").sliceTexts(missing));
    return 0;
  } catch (error) {
    console.error(eventLine({ event: "records_failed", location, message: String(error) }));
    return records.length;
  }
}

/** Every ring with its location. */
async function rings(
  env: Rings,
): Promise<readonly { readonly location: string; readonly ring: DurableObjectStub<Records> }[]> {
  const locations = await env.RECORDS.getByName(INDEX).locations();
  return locations.map((location) => ({ location, ring: ring(env, location) }));
}

/** A record with what was made of it, and where it is kept. */
export interface FoundRecord extends Omit<StoredRecord, "text"> {
  readonly location: string;
  readonly record: DecisionRecord;
}

export interface LocationWindow extends RecordWindow {
  readonly location: string;
}

/** Of all locations, or of one: newest first, with what each ring covers. */
export async function findRecords(
  env: Rings,
  wish: RecordWish,
  only: string | null,
): Promise<{ readonly windows: readonly LocationWindow[]; readonly records: readonly FoundRecord[] }> {
  const asked = (await rings(env)).filter(({ location }) => only === null || location === only);
  const found = await Promise.all(
    asked.map(async ({ location, ring: of }) => ({ location, ...(await of.find(wish)) })),
  );
  const records = found.flatMap(({ location, records: list }) =>
    list.map(({ text, ...rest }) => ({ ...rest, location, record: JSON.parse(text) as DecisionRecord })),
  );
  return {
    windows: found.map(({ location, window }) => ({ location, ...window })),
    records: records.toSorted((a, b) => b.at - a.at).slice(0, wish.limit),
  };
}

/** Takes out one principal's records everywhere. @returns how many there were */
export async function eraseRecords(env: Rings, principal: string): Promise<number> {
  const counts = await Promise.all((await rings(env)).map(async ({ ring: of }) => of.erase(principal)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Canonical JSON of a slice that a location's records name; null: it is not kept. */
export async function sliceOf(env: Rings, location: string, id: string): Promise<string | null> {
  return ring(env, location).slice(id);
}
