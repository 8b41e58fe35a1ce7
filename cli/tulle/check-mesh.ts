import { X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "../../project/built.ts";
import type { GatewayFacts, MeshFacts } from "../../src/deployment/mesh-checks.ts";
import { ask, type Client, connect } from "./client.ts";
import { CommandError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { readStatus, type Seen, stateOf, wantedOf } from "./status.ts";

/** Asks control how its mesh is. Whatever it does not answer is a fact, too. */
export async function lookAtMesh(options: GlobalOptions): Promise<MeshFacts> {
  const unanswered = { unauthorized: null, mesh: null, certificates: [] };
  let client: Client;
  let certificates: MeshFacts["certificates"];
  try {
    client = connect(options);
    certificates = await bundleOf(client);
  } catch (error) {
    return { ...unanswered, unreachable: messageOf(error) };
  }
  try {
    const seen = await readStatus(client);
    return { unreachable: null, unauthorized: null, mesh: meshOf(seen, await unboundOf(client)), certificates };
  } catch (error) {
    return { unreachable: null, unauthorized: messageOf(error), mesh: null, certificates };
  }
}

function messageOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  throw error;
}

/** The mesh's certificate is public: who gives it is a control. */
async function bundleOf(client: Client): Promise<MeshFacts["certificates"]> {
  const { status, text } = await client.send({ path: "/bundle", bearer: null });
  const pems = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (status !== 200 || pems.length === 0)
    throw new CommandError(
      `${client.target.server} answers ${status}, and not as control does: it gives no certificate of a mesh`,
    );
  return pems.map((pem) => {
    const { subject, validTo } = new X509Certificate(pem);
    return { subject: `\`${subject.replaceAll("\n", ", ")}\``, endsAt: Date.parse(validTo) };
  });
}

const Findings = z.object({ findings: z.array(z.looseObject({ code: z.string(), message: z.string() })) });

/** Endpoints that no gateway has a binding for. */
async function unboundOf(client: Client): Promise<readonly string[]> {
  const { value } = await ask(client, { path: "/findings" }, Findings);
  return value.findings.filter(({ code }) => code === "TULLE0106").map(({ message }) => message);
}

function meshOf({ status, at }: Seen, unbound: readonly string[]): MeshFacts["mesh"] {
  const gateways = status.gateways.map((gateway): GatewayFacts => {
    const { text, style } = stateOf(gateway, wantedOf(gateway, status), at);
    return {
      gateway: gateway.gateway,
      version: gateway.version ?? null,
      stateVersions: gateway.stateVersions ?? [],
      bindings: gateway.bindings,
      state: text,
      grade: style === "red" ? "bad" : style === "yellow" ? "late" : "good",
    };
  });
  return { version: status.version ?? null, migrations: status.migrations ?? [], gateways, unbound };
}

/** The names of this package's migrations. */
export function ownMigrations(): readonly string[] {
  return readdirSync(join(ROOT, "migrations"))
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
}
