import { Compiler, type Scopes } from "../../src/compile/compiler.ts";
import { lookupSlice, servingScope } from "../../src/compile/lookup.ts";
import { rfc3339 } from "../../src/kube/events.ts";
import { kindOfObject } from "../../src/kinds/registry.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { elsewhere, lacksPort, type Place } from "../../src/request/places.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { link } from "../../src/snapshot/link.ts";
import type { Slice } from "../../src/snapshot/model.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import { createdBy } from "./db/provenance.ts";
import { objectStore } from "./db/store.ts";
import type { Found } from "./deciding.ts";
import type { Env } from "./env.ts";
import { unknownGeneration } from "./restore.ts";

/** To compile more from nothing would take more than an isolate has for one answer. */
const MAX_OBJECTS = 3_000;

/** The last one that was asked for: questions about one generation come together. */
let last: { readonly generation: number; readonly scopes: Scopes; readonly trustDomain: string } | null = null;

/** What an earlier generation of the configuration had for some places: compiled anew from the history. */
export async function lookUpAt(env: Env, generation: number, places: readonly Place[]): Promise<Result<Found, Status>> {
  const past = await pastOf(env, generation);
  if (!past.ok) return past;
  const { scopes: compiled, trustDomain } = past.value;
  const scopes = places.map(({ scope }) => servingScope(compiled, scope));
  for (const [at, place] of places.entries()) {
    const scope = scopes[at] ?? "";
    const listed = lookupSlice(compiled, scope, place.host);
    if (listed === null) continue;
    const other = lacksPort(listed.slice, place) ? lookupSlice(compiled, scope, elsewhere(place).host) : null;
    const { text } = other ?? listed;
    const slice = link(JSON.parse(text) as Slice);
    return ok({ generation, trustDomain, scopes, at, id: await sliceId(text), slice });
  }
  return ok({ generation, trustDomain, scopes, at: null, id: null, slice: null });
}

async function pastOf(env: Env, generation: number): Promise<Result<NonNullable<typeof last>, Status>> {
  if (last?.generation === generation) return ok(last);
  const store = objectStore(env);
  if ((await store.generation(generation)) === null) return err(await unknownGeneration(store, generation));
  const objects = await store.configurationAt(generation);
  if (objects.length > MAX_OBJECTS) {
    const message = `generation ${generation} has ${objects.length} objects, and at most ${MAX_OBJECTS} are compiled anew: ask about the newest one, or about a record, whose configuration is kept`;
    return err(failure("Invalid", message));
  }
  const local = env.TULLE_LOCAL !== undefined;
  const compiler = new Compiler({ local, trustDomain: env.TRUST_DOMAIN, kindOf: kindOfObject });
  const born = await createdBy(env.DB, generation);
  compiler.attempt(objects.map((object) => ({ before: null, after: aged(object, born) }))).accept();
  const scopes = compiler.scopes({ fronts: ["*"], gateways: ["*"] });
  last = { generation, scopes, trustDomain: compiler.trustDomain };
  return ok(last);
}

/** The history holds no times of creation; by them it is told which of two objects is the older. */
function aged(object: KubeObject, born: ReadonlyMap<string, number>): KubeObject {
  const at = born.get(refKey(refOf(object)));
  if (at === undefined) return object;
  return { ...object, metadata: { ...object.metadata, creationTimestamp: rfc3339(at) } };
}
