import { MAX_SLICE_COST } from "../../src/match/regex-cost.ts";
import { failure, type Status } from "../../src/kube/status.ts";

/** What makes the configuration more than gateways read. */
export type Oversized =
  | { readonly kind: "slice"; readonly place: string }
  | { readonly kind: "cost"; readonly place: string; readonly patternCost: number }
  /** A namespace's Telemetry, by the programs of its patterns; null: the mesh's. */
  | { readonly kind: "programs"; readonly namespace: string | null; readonly size: number; readonly limit: number }
  /** All Telemetry together, in the root of a gateway. */
  | { readonly kind: "telemetry"; readonly size: number };

/** No object by itself is wrong: together they are more than a gateway takes. */
export function tooMuch(oversized: Oversized): Status {
  switch (oversized.kind) {
    case "slice": {
      const message = `the configuration of \`${oversized.place}\` would be larger than a gateway reads; split the host`;
      return failure("RequestEntityTooLarge", message);
    }
    case "cost": {
      const { place, patternCost } = oversized;
      const message = `the regular expressions of \`${place}\` would cost ${patternCost} instructions of at most ${MAX_SLICE_COST}: make them simpler, or split the host`;
      return failure("Invalid", message);
    }
    case "programs": {
      const { namespace, size, limit } = oversized;
      const whose = namespace === null ? "of the whole mesh" : `of the namespace \`${namespace}\``;
      const message = `the regular expressions in the Telemetry ${whose} would take ${size} characters of every gateway's configuration, of at most ${limit}: use fewer, and smaller classes of characters`;
      return failure("Invalid", message);
    }
    case "telemetry": {
      const message = `all Telemetry together would be ${oversized.size} characters, which makes a gateway's configuration larger than it reads: say less, or to fewer namespaces`;
      return failure("RequestEntityTooLarge", message);
    }
  }
}
