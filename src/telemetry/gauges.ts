import { escaped, type Format, head } from "./exposition.ts";

/** What stands as it is at the moment of a scrape. */
const GAUGES = {
  istio_build: "Deployments by what they are and which version they have.",
  pilot_xds: "Locations of gateways that asked for their configuration just now.",
  tulle_configuration_generation: "Generation of the newest configuration.",
  tulle_gateway_published_generation:
    "Generation of the newest root of a gateway; what does not concern it makes none.",
  tulle_gateway_serving_generation: "The oldest generation that an isolate of a gateway serves at a location.",
  tulle_gateway_root_issued_timestamp_seconds: "When the root was signed that a location of a gateway has.",
  tulle_gateway_refuses_root: "1 where an isolate of a gateway refuses what is published for it.",
  tulle_ca_certificate_expiry_timestamp_seconds: "When a certificate of the mesh's authority ends.",
  tulle_workload_certificates:
    "Identities with a certificate that lives; overdue where it nears its end, and none came after it.",
  tulle_scrape_incomplete: "1 where a part of control did not answer: what it would tell is missing.",
} as const;

export type GaugeName = keyof typeof GAUGES;
export const GAUGE_NAMES = Object.keys(GAUGES);

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export type Gauges = Readonly<Partial<Record<GaugeName, readonly Sample[]>>>;

/** A text a gauge. */
export function gaugePieces(gauges: Gauges, format: Format): readonly string[] {
  return Object.entries(GAUGES).map(([name, help]) => {
    const samples = gauges[name as GaugeName] ?? [];
    return head(name, "gauge", help, format) + samples.map((sample) => line(name, sample)).join("");
  });
}

function line(name: string, { labels, value }: Sample): string {
  const text = Object.entries(labels).map(([label, of]) => `${label}="${escaped(of)}"`);
  return `${name}${text.length === 0 ? "" : `{${text.join(",")}}`} ${value}\n`;
}
