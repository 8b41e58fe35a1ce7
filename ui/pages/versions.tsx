import { Badge, type Tone } from "../parts/badge.tsx";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import { duration } from "../format.ts";
import { placeOf } from "../state/place.ts";
import { useData } from "../state/use-data.ts";

const REFRESH_MS = 5_000;

export interface MeshStatus {
  readonly generation: number;
  readonly version: string;
  readonly migrations: readonly string[];
  readonly gateways: readonly GatewayStatus[];
  readonly federation: readonly {
    readonly trustDomain: string;
    readonly fetchedAt: string | null;
    readonly problem: string | null;
  }[];
}

export interface GatewayStatus {
  readonly gateway: string;
  readonly generation: number | null;
  readonly have: number | null;
  readonly seenAt: string | null;
  readonly refused: { readonly code: string; readonly count: number } | null;
  readonly format: number;
  readonly version: string | null;
  readonly stateVersions: readonly string[];
  readonly bindings: readonly string[];
  readonly problem: string | null;
}

/** Who runs which version of the code, and which generation of the configuration. */
export function Versions() {
  const status = useData<MeshStatus>("/api/v1/status", REFRESH_MS);
  return (
    <>
      <h1>Versions</h1>
      <Shown data={status}>
        {(mesh) => (
          <>
            <p>
              Control runs <strong>{mesh.version}</strong>; the configuration is generation{" "}
              <strong>{mesh.generation}</strong>.
            </p>
            <Table
              caption="Gateways"
              none="No gateway has registered yet."
              rows={mesh.gateways}
              keyOf={({ gateway }) => gateway}
              columns={[
                {
                  head: "Gateway",
                  cell: ({ gateway }) => <a href={placeOf(["gateways", gateway])}>{gateway}</a>,
                },
                { head: "State", cell: (gateway) => <State gateway={gateway} mesh={mesh} /> },
                { head: "Generation", isNumber: true, cell: ({ have }) => have ?? "-" },
                { head: "Version", cell: ({ version }) => <OfControl version={version} own={mesh.version} /> },
                { head: "State Workers", wide: true, cell: ({ stateVersions }) => stateVersions.join(", ") || "-" },
                { head: "Format", isNumber: true, wide: true, cell: ({ format }) => format },
                {
                  head: "Seen",
                  wide: true,
                  cell: ({ seenAt }) =>
                    seenAt === null ? "not lately" : `${duration(Date.now() - Date.parse(seenAt))} ago`,
                },
              ]}
            />
            {mesh.federation.length > 0 && (
              <Table
                caption="Other trust domains"
                none=""
                rows={mesh.federation}
                keyOf={({ trustDomain }) => trustDomain}
                columns={[
                  { head: "Trust domain", cell: ({ trustDomain }) => trustDomain },
                  { head: "State", cell: ({ problem }) => problem ?? "current" },
                ]}
              />
            )}
            <p class="note">Database: {mesh.migrations.at(-1) ?? "no migration"}</p>
          </>
        )}
      </Shown>
    </>
  );
}

function State({ gateway, mesh }: { readonly gateway: GatewayStatus; readonly mesh: MeshStatus }) {
  const { text, tone } = stateOf(gateway, mesh);
  return <Badge tone={tone}>{text}</Badge>;
}

export function stateOf(
  { problem, seenAt, have, refused, generation }: GatewayStatus,
  mesh: MeshStatus,
): { readonly text: string; readonly tone: Tone } {
  if (problem !== null) return { text: problem, tone: "bad" };
  if (seenAt === null) return { text: "not seen lately", tone: "plain" };
  const behind = (generation ?? mesh.generation) - (have ?? 0);
  if (behind <= 0) return { text: "current", tone: "good" };
  if (refused !== null) return { text: `refuses what comes: ${refused.code}`, tone: "bad" };
  return { text: `behind by ${behind}`, tone: "warn" };
}

function OfControl({ version, own }: { readonly version: string | null; readonly own: string }) {
  if (version === null) return <Badge tone="warn">not told</Badge>;
  return version === own ? <>{version}</> : <Badge tone="warn">{`${version}, not control's`}</Badge>;
}
