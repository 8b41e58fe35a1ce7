import type { GaugeName, Gauges, Sample } from "../../src/telemetry/gauges.ts";
import { VERSION } from "../../src/version.ts";
import type { Expiries } from "./authority/ca-status.ts";
import type { Env } from "./env.ts";
import type { HubStandings } from "./hub-api.ts";
import { inTime } from "./in-time.ts";

/** A scrape waits no longer for what it shows beside the sums. */
const WITHIN_MS = 2_000;

/** What stands as it is now. A part of control that does not answer in time is told as missing: the sums are shown all the same. */
export async function gaugesOf(env: Pick<Env, "HUB" | "AUTHORITY">): Promise<Gauges> {
  const [standings, expiries] = await Promise.all([
    inTime(env.HUB.getByName("hub").standings(), WITHIN_MS),
    inTime(env.AUTHORITY.getByName("authority").expiries(), WITHIN_MS),
  ]);
  return {
    istio_build: [...buildsOf(standings)].map(([text, value]) => ({ labels: JSON.parse(text), value })),
    ...(standings && gatewayGauges(standings)),
    ...(expiries && certificateGauges(expiries)),
    tulle_scrape_incomplete: [
      { labels: { part: "hub" }, value: standings === null ? 1 : 0 },
      { labels: { part: "authority" }, value: expiries === null ? 1 : 0 },
    ],
  };
}

/** How many deployments there are of each component and version: control is one, gateways and state Workers as they told. */
function buildsOf(standings: HubStandings | null): ReadonlyMap<string, number> {
  const builds = new Map<string, number>();
  const add = (component: string, tag: string, by = 1): unknown => {
    const text = JSON.stringify({ component, tag });
    return builds.set(text, (builds.get(text) ?? 0) + by);
  };
  add("pilot", VERSION);
  const gateways = standings?.gateways ?? [];
  for (const { version } of gateways) add("proxy", version ?? "unknown");
  const states = new Set(gateways.flatMap(({ locations }) => locations.flatMap(({ state }) => state ?? [])));
  for (const state of states) add("state", state);
  return builds;
}

function gatewayGauges({ generation, gateways }: HubStandings): Gauges {
  const located = gateways.flatMap(({ gateway, locations }) =>
    locations.map(({ location, ...seen }) => ({ labels: { gateway, location }, ...seen })),
  );
  const of = (name: GaugeName, samples: readonly Sample[]) => ({ [name]: samples });
  return {
    ...of("pilot_xds", [{ labels: {}, value: located.length }]),
    ...of("tulle_configuration_generation", [{ labels: {}, value: generation }]),
    ...of(
      "tulle_gateway_published_generation",
      gateways.flatMap(({ gateway, generation: value }) => (value === null ? [] : [{ labels: { gateway }, value }])),
    ),
    ...of(
      "tulle_gateway_serving_generation",
      located.flatMap(({ labels, serving }) => (serving === null ? [] : [{ labels, value: serving }])),
    ),
    ...of(
      "tulle_gateway_root_issued_timestamp_seconds",
      located.flatMap(({ labels, have }) => (have === null ? [] : [{ labels, value: have.issuedAt / 1_000 }])),
    ),
    ...of(
      "tulle_gateway_refuses_root",
      located.map(({ labels, refused }) => ({ labels, value: refused === null ? 0 : 1 })),
    ),
  };
}

function certificateGauges({ certificates, live, overdue }: Expiries): Gauges {
  return {
    tulle_ca_certificate_expiry_timestamp_seconds: certificates.map(({ serial, role, state, expiresAt }) => ({
      labels: { role, serial, state },
      value: expiresAt / 1_000,
    })),
    tulle_workload_certificates: [
      { labels: { state: "live" }, value: live },
      { labels: { state: "overdue" }, value: overdue },
    ],
  };
}
