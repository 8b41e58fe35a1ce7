import type { ExchangeUp, IsolatesSeen, RefusedSnapshots } from "../../src/snapshot/rpc.ts";

/** What the cell of a location said of its isolates when it last looked. */
export interface LocationSeen extends Omit<IsolatesSeen, "location"> {
  /** When that was, epoch ms. */
  readonly at: number;
  /** The root that it has. */
  readonly have: ExchangeUp["have"];
  /** Its isolates served something older than was published by then, while they took requests. */
  readonly wasBehind: boolean;
}

/** What a scrape tells of one gateway deployment. */
export interface GatewayStanding {
  readonly gateway: string;
  readonly version: string | null;
  /** Of its newest root; null: none was asked for since the Hub woke. */
  readonly generation: number | null;
  /** Those that ask now. */
  readonly locations: readonly (LocationSeen & { readonly location: string })[];
}

/** Cells look each second while requests come: one that was silent for longer has none, and its word is old. */
const ASKS_WITHIN_MS = 60_000;

/** @param now epoch ms */
export function liveAt(seen: ReadonlyMap<string, LocationSeen>, now: number): GatewayStanding["locations"] {
  const all = Array.from(seen, ([location, one]) => ({ location, ...one }));
  return all.filter(({ at }) => now - at < ASKS_WITHIN_MS);
}

/** A location that was silent this much longer than another takes no requests now. */
const LOCATION_LIVES_MS = 10_000;

export function seenOf(
  seen: ReadonlyMap<string, LocationSeen>,
): Pick<GatewayStatus, "have" | "refused" | "seenAt" | "stateVersions"> {
  const at = Math.max(...Array.from(seen.values(), (one) => one.at));
  const live = [...seen.values()].filter((one) => at - one.at < LOCATION_LIVES_MS);
  const serving = live.flatMap((one) => one.serving ?? []);
  return {
    have: serving.length === 0 ? null : Math.min(...serving),
    refused: live.find(({ refused }) => refused !== null)?.refused ?? null,
    seenAt: live.length === 0 ? null : new Date(at).toISOString(),
    stateVersions: [...new Set(live.flatMap(({ state }) => state ?? []))],
  };
}

/** What `GET /api/v1/status` tells of one gateway deployment. */
export interface GatewayStatus {
  readonly gateway: string;
  /** Of its newest root; null: none was asked for since the Hub woke. */
  readonly generation: number | null;
  /** The oldest that one of its isolates served when its cell last looked; null: none yet. */
  readonly have: number | null;
  /** What its isolates refused to take, and keep their last good root instead. */
  readonly refused: RefusedSnapshots | null;
  /** RFC 3339; null: it did not look since the Hub woke. */
  readonly seenAt: string | null;
  readonly bindings: readonly string[];
  readonly format: number;
  /** Of its package; null: older than versions are told. */
  readonly version: string | null;
  /** Of the state Workers through which its isolates get news now. */
  readonly stateVersions: readonly string[];
  readonly problem: string | null;
}
