import { err, ok, type Result } from "../result.ts";
import type { MeshFile } from "./mesh-file.ts";
import type { Problem } from "./topology.ts";

/**
 * The mesh of an environment: a mesh of its own beside the file's, whose Workers have the environment's name behind theirs, as
 * wrangler does with it. By which hosts it is reached stands in `environments`: the file's own hosts lead to the file's own mesh.
 *
 * @returns all that cannot stand twice, otherwise
 */
export function inEnvironment(file: MeshFile, environment: string): Result<MeshFile, readonly Problem[]> {
  const hosts = file.environments?.[environment] ?? { public: {}, domains: {}, control: {} };
  const gateways = Object.entries(file.gateways ?? {});
  const services = Object.entries(file.namespaces).flatMap(([namespace, { services: named }]) =>
    Object.entries(named).map(([name, service]) => ({ namespace, name, service })),
  );
  const problems: Problem[] = [
    ...services.flatMap(({ namespace, name, service }) =>
      Object.entries(service.versions).flatMap(([version, { environment: own }]) =>
        own === undefined || own === environment
          ? []
          : [
              {
                path: ["namespaces", namespace, "services", name, "versions", version, "environment"],
                message: `the same Worker would be in two meshes, with \`--env ${environment}\` and without: give ${version} a wrangler configuration of its own`,
              },
            ],
      ),
    ),
    ...unknown(
      Object.keys(hosts.public),
      services.map(({ namespace, name }) => `${namespace}/${name}`),
    ).map((name) => ({
      path: ["environments", environment, "public", name],
      message: `no service \`${name}\` here`,
    })),
    ...unknown(
      Object.keys(hosts.domains),
      gateways.map(([name]) => name),
    ).map((name) => ({
      path: ["environments", environment, "domains", name],
      message: `no gateway \`${name}\` here`,
    })),
  ];
  if (problems.length > 0) return err(problems);
  const namespaces = Object.entries(file.namespaces).map(([namespace, { services: named }]) => [
    namespace,
    {
      services: Object.fromEntries(
        Object.entries(named).map(([name, service]) => [
          name,
          { ...service, public: hosts.public[`${namespace}/${name}`] ?? [] },
        ]),
      ),
    },
  ]);
  return ok({
    ...file,
    mesh: `${file.mesh}-${environment}`,
    namespaces: Object.fromEntries(namespaces) as MeshFile["namespaces"],
    control: hosts.control,
    ...(file.gateways !== undefined && {
      gateways: Object.fromEntries(
        gateways.map(([name, settings]) => [
          `${name}-${environment}`,
          { ...settings, domains: hosts.domains[name] ?? [] },
        ]),
      ),
    }),
  });
}

function unknown(names: readonly string[], known: readonly string[]): readonly string[] {
  return names.filter((name) => !known.includes(name));
}
