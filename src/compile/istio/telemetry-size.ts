import type { MeshTelemetry } from "../../snapshot/telemetry-model.ts";
import { patternsIn } from "../programs.ts";
import { GATEWAY_NAMESPACE } from "../view.ts";

/** Every gateway reads the programs of all namespaces, in its root: characters that one may fill, */
const MAX_NAMESPACE_PROGRAMS = 256 * 1024;
/** and what is said to the whole mesh. */
const MAX_MESH_PROGRAMS = 1024 * 1024;

/** @returns the first whose Telemetry has more patterns than it may; null: none */
export function tooManyPrograms(
  telemetry: MeshTelemetry,
): { readonly namespace: string | null; readonly size: number; readonly limit: number } | null {
  const { settings, mesh, namespaces = {}, callers = {}, programs } = telemetry;
  if (programs === undefined) return null;
  const patternsOf = (numbers: readonly number[]): ReadonlySet<string> =>
    patternsIn(numbers.map((number) => settings[number]));
  const sizeOf = (patterns: Iterable<string>): number => {
    let size = 0;
    for (const pattern of patterns)
      if (Object.hasOwn(programs, pattern)) size += JSON.stringify([pattern, programs[pattern]]).length;
    return size;
  };
  const common = patternsOf([mesh.client, mesh.server]);
  const size = sizeOf(common);
  if (size > MAX_MESH_PROGRAMS) return { namespace: null, size, limit: MAX_MESH_PROGRAMS };
  const own = new Map<string, number[]>();
  const add = (namespace: string, ...numbers: readonly number[]): void => {
    own.set(namespace, [...(own.get(namespace) ?? []), ...numbers]);
  };
  for (const [namespace, { client, server }] of Object.entries(namespaces)) add(namespace, client, server);
  for (const [caller, number] of Object.entries(callers))
    add(caller.startsWith("gw/") ? GATEWAY_NAMESPACE : caller.slice(0, caller.indexOf("/")), number);
  for (const [namespace, numbers] of own) {
    const its = sizeOf([...patternsOf(numbers)].filter((pattern) => !common.has(pattern)));
    if (its > MAX_NAMESPACE_PROGRAMS) return { namespace, size: its, limit: MAX_NAMESPACE_PROGRAMS };
  }
  return null;
}
