import type { MeshTelemetry } from "../../snapshot/telemetry-model.ts";
import { Op, type Program } from "../../snapshot/program-model.ts";
import { patternsIn } from "../programs.ts";
import { GATEWAY_NAMESPACE } from "../view.ts";

/** Every gateway reads the programs of all namespaces, in its root: characters that one may fill, */
const MAX_NAMESPACE_PROGRAMS = 256 * 1024;
/** and what is said to the whole mesh. */
const MAX_MESH_PROGRAMS = 1024 * 1024;

/** Whose Telemetry it is; null: the whole mesh's. */
interface ProgramSize {
  readonly namespace: string | null;
  readonly size: number;
  readonly limit: number;
}

/** @returns those whose Telemetry has more patterns than it may */
export function tooManyPrograms(telemetry: MeshTelemetry): readonly ProgramSize[] {
  const { settings, mesh, namespaces = {}, callers = {}, programs } = telemetry;
  if (programs === undefined) return [];
  const patternsOf = (numbers: readonly number[]): ReadonlySet<string> =>
    patternsIn(numbers.map((number) => settings[number]));
  const setsOf = (patterns: Iterable<string>): Set<number> =>
    new Set([...patterns].flatMap((pattern) => setsIn(programs.code[pattern])));
  const sizeOf = (patterns: ReadonlySet<string>, others: ReadonlySet<string>): number => {
    const own = [...patterns].filter((pattern) => !others.has(pattern) && Object.hasOwn(programs.code, pattern));
    const known = setsOf(others);
    const sets = [...setsOf(own)].filter((number) => !known.has(number)).map((number) => programs.sets?.[number]);
    return JSON.stringify([own.map((pattern) => [pattern, programs.code[pattern]]), sets]).length;
  };
  const common = patternsOf([mesh.client, mesh.server]);
  const sizes: ProgramSize[] = [{ namespace: null, size: sizeOf(common, new Set()), limit: MAX_MESH_PROGRAMS }];
  const own = new Map<string, number[]>();
  const add = (namespace: string, ...numbers: readonly number[]): void => {
    own.set(namespace, [...(own.get(namespace) ?? []), ...numbers]);
  };
  for (const [namespace, { client, server }] of Object.entries(namespaces)) add(namespace, client, server);
  for (const [caller, number] of Object.entries(callers))
    add(caller.startsWith("gw/") ? GATEWAY_NAMESPACE : caller.slice(0, caller.indexOf("/")), number);
  for (const [namespace, numbers] of own)
    sizes.push({ namespace, size: sizeOf(patternsOf(numbers), common), limit: MAX_NAMESPACE_PROGRAMS });
  return sizes.filter(({ size, limit }) => size > limit);
}

/** Numbers of the sets of characters that a program names. */
function setsIn(program: Program | undefined): readonly number[] {
  const { code = [] } = program ?? {};
  return code.filter((_, at) => at % 3 === 2 && code[at - 2] === Op.SET);
}
