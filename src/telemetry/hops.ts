/**
 * The mesh's member of `tracestate`: how many gateways a call has passed, and the services that they were for, each by a short
 * hash. `tulle=h:3;p:1f3a9c.07b2e1.1f3a9c`: the third hop leads to a service that the first was for already. Whether that is a
 * loop or is meant only the operator knows: it is told. What comes back and back has an end (`LOOP_HOPS`).
 */
export interface Hops {
  /** This hop counted. */
  readonly count: number;
  /** How often the service was passed before. */
  readonly seen: number;
  /** `tracestate` to send on. */
  readonly state: string;
}

const KEY = "tulle=";
const MEMBER = /^h:([1-9]\d{0,4});p:([0-9a-f]{6}(?:\.[0-9a-f]{6})*)$/;
/** Services that a member names, the latest: with its count it stays below the 256 characters of a value. */
const MAX_NAMED = 24;
const MAX_COUNT = 99_999;
/** What every receiver must carry (§3.3.1.5); members beyond it are left out, the last first. */
const STATE_LIMIT = 512;
const MAX_MEMBERS = 32;

/**
 * @param state as received; null: none came
 * @param trusted whether the mesh's member in it is the mesh's: from outside anybody could have written it
 * @param service `hopHash` of the service that is called
 */
export function nextHop(state: string | null, trusted: boolean, service: string): Hops {
  if (state === null) return { count: 1, seen: 0, state: `${KEY}h:1;p:${service}` };
  const members = membersOf(state);
  const own = trusted ? memberOf(members) : null;
  const passed = own?.passed ?? [];
  const count = Math.min((own?.count ?? 0) + 1, MAX_COUNT);
  const seen = passed.filter((one) => one === service).length;
  let next = `${KEY}h:${count};p:${[...passed, service].slice(-MAX_NAMED).join(".")}`;
  // What was changed comes first (§3.5 "mutating the tracestate field").
  for (const member of members) {
    if (member === "" || member.startsWith(KEY)) continue;
    if (next.length + 1 + member.length > STATE_LIMIT) break;
    next += `,${member}`;
  }
  return { count, seen, state: next };
}

/** A call that has passed so many gateways is warned of, this one counted. */
export const MANY_HOPS = 12;
/**
 * One that has passed so many and some service twice goes no further. The platform ends what goes through 32 Workers, gateways
 * among them, with an error that names nobody: this is told before.
 */
export const LOOP_HOPS = 16;

/**
 * What the mesh's own callers have passed.
 *
 * @param state as received
 * @returns null where it has passed few: then nothing is looked at closely
 */
export function manyHops(state: string): { readonly count: number; readonly isLoop: boolean } | null {
  const at = state.indexOf(`${KEY}h:`);
  // Of one digit: the usual case costs no more.
  if (at < 0 || state[at + KEY.length + 3] === ";") return null;
  const own = memberOf(membersOf(state));
  const count = own === null ? 0 : own.count + 1;
  if (own === null || count < MANY_HOPS) return null;
  return { count, isLoop: count >= LOOP_HOPS && new Set(own.passed).size < own.passed.length };
}

/** What an outside caller sent, without what only the mesh may say. @returns null where nothing is left */
export function withoutHops(state: string): string | null {
  if (!state.includes(KEY)) return state;
  const others = membersOf(state).filter((member) => member !== "" && !member.startsWith(KEY));
  return others.length === 0 ? null : others.join(",");
}

function membersOf(state: string): readonly string[] {
  return state.split(",", MAX_MEMBERS - 1).map((member) => member.trim());
}

function memberOf(members: readonly string[]): { readonly count: number; readonly passed: readonly string[] } | null {
  const own = members.find((member) => member.startsWith(KEY));
  const [, count, named = ""] = (own !== undefined && MEMBER.exec(own.slice(KEY.length))) || [];
  return count === undefined ? null : { count: Number(count), passed: named.split(".") };
}
