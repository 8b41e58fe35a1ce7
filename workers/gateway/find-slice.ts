import { answerOf } from "../../src/decide/answers.ts";
import { NO_PEER } from "../../src/identity/peer.ts";
import { elsewhere, lacksPort, type Place } from "../../src/request/places.ts";
import type { Call } from "./call.ts";
import type { Found } from "./exchange.ts";

/** Step 3: the first place that lists the host; 404 only where the root does not. */
export function findSlice<Reply>(call: Call<Reply>): Reply | null | Promise<Reply | null> {
  const { configuration } = call.mesh;
  const places = call.places(call.peer, configuration.accounts);
  let outside: Find | null = null;
  for (const place of places) {
    const found = configuration.lookup(place.scope, place.host);
    // Those before it are looked at again: what they know has not changed.
    if (found === null) return waitForSlice(call, places);
    if (isOtherPort(found, place)) return enterElsewhere(call, { place, found });
    if (isOutside(found) && places.length > 1) outside = { place, found };
    else if (enter(call, place, found)) return null;
  }
  return enterOutside(call, outside);
}

/** The slice is not here, or the news of it are too old. */
async function waitForSlice<Reply>(call: Call<Reply>, places: readonly Place[]): Promise<Reply | null> {
  const { configuration } = call.mesh;
  const { accounts } = configuration;
  let outside: Find | null = null;
  for (const place of places) {
    const { scope, host } = place;
    const found = configuration.lookup(scope, host) ?? (await configuration.resolve(scope, host, call.lease));
    // By a new root this caller may see less than its namespace does.
    if (configuration.accounts !== accounts) return findSlice(call);
    if (found.kind === "unavailable") return call.answer(answerOf("no_configuration"));
    if (isOtherPort(found, place)) return enterElsewhere(call, { place, found });
    if (isOutside(found) && places.length > 1) outside = { place, found };
    else if (enter(call, place, found)) return null;
  }
  return enterOutside(call, outside);
}

interface Find {
  readonly place: Place;
  readonly found: Found;
}

/** What the mesh says of hosts that it does not know comes after all places that know the host. */
function isOutside(found: Found): boolean {
  return found.kind === "slice" && found.slice.model.outside === true;
}

function isOtherPort(found: Found, place: Place): boolean {
  return found.kind === "slice" && lacksPort(found.slice.model, place);
}

/** At a port that it has not, a host is what the mesh does not know: blocked, passed on, or without a route. */
async function enterElsewhere<Reply>(call: Call<Reply>, { place, found }: Find): Promise<Reply | null> {
  const { configuration } = call.mesh;
  const { scope, host } = elsewhere(place);
  const outside = configuration.lookup(scope, host) ?? (await configuration.resolve(scope, host, call.lease));
  if (outside.kind === "unavailable") return call.answer(answerOf("no_configuration"));
  if (!enter(call, place, outside)) enter(call, place, found);
  return null;
}

function enterOutside<Reply>(call: Call<Reply>, outside: Find | null): Reply | null {
  if (outside !== null && enter(call, outside.place, outside.found)) return null;
  return call.answer(answerOf("no_route"));
}

/** @returns whether the host is served there */
function enter(call: Call, place: Place, found: Found): boolean {
  const { journal, entrance } = call;
  journal.generation = found.root.generation;
  call.plan = found.root.tracing;
  if (found.kind === "no_host") return false;
  const { slice } = found;
  // What leads to other hosts goes by the request's own: a binding for one service leads nowhere else.
  if (slice.model.outside === true && entrance.kind === "mesh" && entrance.props.service !== undefined) return false;
  call.slice = slice;
  journal.secret = slice.secret;
  journal.provided = slice.provided;
  call.port = place.port;
  journal.scope = place.scope;
  if (slice.front === null) return true;
  const { workload, clientCertificate } = slice.front.model;
  call.source = workload;
  journal.gateway = workload;
  if (clientCertificate === "none") {
    // This listener asks for no certificate: one that came counts for nothing.
    call.peer = NO_PEER;
    journal.peer = NO_PEER;
  }
  return true;
}
