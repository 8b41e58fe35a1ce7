import { type CompiledSlice, withoutEndpoints, withoutPrograms } from "../../src/compile/slices.ts";
import { FORMAT, FORMAT_WITH_PROGRAMS } from "../../src/snapshot/model.ts";
import type { Registration } from "../../src/snapshot/rpc.ts";
import type { MeshTelemetry } from "../../src/snapshot/telemetry-model.ts";

/** The oldest that is still written: those before lack what decides, and their readers refuse this one. */
const OLDEST_FORMAT = 3;

/** The newest format that a gateway reads, of those that are written. */
export function formatFor({ format }: Pick<Registration, "format">): number {
  return Math.min(FORMAT, Math.max(OLDEST_FORMAT, format));
}

/** A gateway of before programs compiles patterns by itself. */
export function telemetryFor(telemetry: MeshTelemetry | null, registration: Registration): MeshTelemetry | null {
  if (telemetry?.programs === undefined || formatFor(registration) >= FORMAT_WITH_PROGRAMS) return telemetry;
  const { programs: _, ...older } = telemetry;
  return older;
}

/** Slices as gateways read them: without endpoints that one has no way to, in the format that it knows. */
export class ReachableSlices {
  readonly #parts = new WeakMap<CompiledSlice, Map<string, CompiledSlice>>();

  of(slice: CompiledSlice, bindings: ReadonlySet<string>, registration: Registration): CompiledSlice {
    const { hasPrivate } = registration;
    const missing = slice.bindings.filter((binding) => !bindings.has(binding));
    const isWhole = missing.length === 0 && (hasPrivate || !slice.usesPrivate);
    const isOlder = formatFor(registration) < FORMAT_WITH_PROGRAMS;
    if (isWhole && !isOlder) return slice;
    const key = `${isOlder} ${hasPrivate} ${missing.join(" ")}`;
    let parts = this.#parts.get(slice);
    if (!parts) this.#parts.set(slice, (parts = new Map()));
    const known = parts.get(key);
    if (known) return known;
    const reached = isWhole ? slice : withoutEndpoints(slice, (binding) => bindings.has(binding), hasPrivate);
    const part = isOlder ? withoutPrograms(reached) : reached;
    parts.set(key, part);
    return part;
  }
}
