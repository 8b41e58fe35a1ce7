import { duration } from "../format.ts";
import { Badge } from "../parts/badge.tsx";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import { kindNamed, listPath, type StoredObject } from "../kinds.ts";
import type { PageProps } from "../pages.ts";
import { ObjectLink } from "../parts/object-link.tsx";
import { session } from "../state/api.ts";
import { placeOf } from "../state/place.ts";
import { useData } from "../state/use-data.ts";
import { type GatewayStatus, type MeshStatus, stateOf } from "./versions.tsx";

const REFRESH_MS = 5_000;

/** `#/gateways`: deployments and Gateway resources; `#/gateways/NAME`: one deployment. */
export function Gateways({ path: [name] }: PageProps) {
  const status = useData<MeshStatus>("/api/v1/status", REFRESH_MS);
  return (
    <>
      <h1>{name === undefined ? "Gateways" : `Gateway ${name}`}</h1>
      <Shown data={status}>
        {(mesh) => {
          const one = mesh.gateways.find(({ gateway }) => gateway === name);
          if (name === undefined) return <Deployments mesh={mesh} />;
          return one === undefined ? (
            <p class="none">No deployment of this name has registered.</p>
          ) : (
            <One gateway={one} mesh={mesh} />
          );
        }}
      </Shown>
      {name === undefined && <Resources />}
    </>
  );
}

function Deployments({ mesh }: { readonly mesh: MeshStatus }) {
  return (
    <Table
      caption="Deployments"
      none="No gateway has registered yet."
      rows={mesh.gateways}
      keyOf={({ gateway }) => gateway}
      columns={[
        { head: "Gateway", cell: ({ gateway }) => <a href={placeOf(["gateways", gateway])}>{gateway}</a> },
        { head: "State", cell: (gateway) => <State gateway={gateway} mesh={mesh} /> },
        { head: "Version", cell: ({ version }) => version ?? "-" },
        { head: "Generation", isNumber: true, cell: ({ have }) => have ?? "-" },
      ]}
    />
  );
}

function State({ gateway, mesh }: { readonly gateway: GatewayStatus; readonly mesh: MeshStatus }) {
  const { text, tone } = stateOf(gateway, mesh);
  return <Badge tone={tone}>{text}</Badge>;
}

function One({ gateway, mesh }: { readonly gateway: GatewayStatus; readonly mesh: MeshStatus }) {
  const facts: readonly (readonly [string, string])[] = [
    ["Generation", `${gateway.have ?? "-"} of ${gateway.generation ?? mesh.generation}`],
    ["Seen", gateway.seenAt === null ? "not lately" : `${duration(Date.now() - Date.parse(gateway.seenAt))} ago`],
    ["Version", gateway.version ?? "not told"],
    ["State Workers", gateway.stateVersions.join(", ") || "none"],
    ["Reads format", String(gateway.format)],
  ];
  return (
    <>
      <p>
        <State gateway={gateway} mesh={mesh} />
      </p>
      <dl class="tiles">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h2>Endpoints that it binds</h2>
      {gateway.bindings.length === 0 ? (
        <p class="none">None.</p>
      ) : (
        <ul>
          {gateway.bindings.map((binding) => (
            <li key={binding}>
              <code>{binding}</code>
            </li>
          ))}
        </ul>
      )}
      <p>
        <a href={placeOf(["tail"], {})}>Live requests</a>
      </p>
    </>
  );
}

function Resources() {
  const kind = kindNamed("Gateway");
  const listed = useData<{ readonly items: readonly StoredObject[] }>(
    kind === undefined ? null : listPath(kind, session.value?.namespace ?? null),
    REFRESH_MS * 3,
  );
  return (
    <Shown data={listed}>
      {({ items }) => (
        <Table
          caption="Gateway resources"
          none="There is no Gateway."
          rows={items}
          keyOf={({ metadata }) => `${metadata.namespace}/${metadata.name}`}
          columns={[
            {
              head: "Name",
              cell: ({ metadata }) => (
                <ObjectLink kind="Gateway" namespace={metadata.namespace ?? ""} name={metadata.name} />
              ),
            },
            { head: "Hosts", cell: ({ spec }) => hostsOf(spec).join(", ") },
          ]}
        />
      )}
    </Shown>
  );
}

function hostsOf(spec: StoredObject["spec"]): readonly string[] {
  const servers = Array.isArray(spec?.["servers"])
    ? (spec["servers"] as readonly { readonly hosts?: readonly string[] }[])
    : [];
  return [...new Set(servers.flatMap(({ hosts = [] }) => hosts))];
}
