import type { z } from "zod";
import type { Context } from "../resources/kind.ts";
import type { Report } from "../resources/report.ts";
import { readShape } from "../resources/shape.ts";

/** How the spec of a kind is read; of flat kinds, which have none, the fields beside `metadata`. */
export interface SpecReader {
  /** The shape, before its checks. */
  readonly schema: z.ZodType;
  /** @returns null where there was an error */
  readonly read: (spec: unknown, report: Report, context: Context) => unknown;
}

/**
 * @param check what a schema can't say
 * @param prepare before the schema sees it
 */
export function reader<T>(
  schema: z.ZodType<T>,
  check?: (spec: T, report: Report, context: Context) => void,
  prepare: (spec: unknown, report: Report) => unknown = (spec) => spec,
): SpecReader {
  return {
    schema,
    read: (spec, report, context) => {
      const read = readShape(schema, prepare(spec, report), report);
      if (read !== null) check?.(read, report, context);
      return read;
    },
  };
}
