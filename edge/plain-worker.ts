import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { z } from "zod";
import type { WorkerSource } from "../src/deployment/topology.ts";
import { StartError } from "./start-error.ts";

const ENVIRONMENT = {
  name: z.string().optional(),
  main: z.string().optional(),
  compatibility_date: z.string().optional(),
  compatibility_flags: z.array(z.string()).optional(),
  workers_dev: z.boolean().optional(),
  preview_urls: z.boolean().optional(),
  vars: z.record(z.string(), z.json()).default({}),
  services: z
    .array(
      z.strictObject({
        binding: z.string(),
        service: z.string(),
        entrypoint: z.string().optional(),
        props: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .default([]),
};

/** Strict: what the examples' runtime would not set up as an account does is refused, not left out. */
const Config = z.strictObject({
  ...ENVIRONMENT,
  $schema: z.string().optional(),
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  env: z.record(z.string(), z.strictObject(ENVIRONMENT)).default({}),
});

/** A Worker of code, variables and service bindings: what runs beside the gateways, in their runtime. */
export interface PlainWorker extends WorkerSource {
  /** Absolute. */
  readonly main: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly vars: z.infer<typeof Config>["vars"];
}

/**
 * Reads a `wrangler.jsonc` of this kind as wrangler does, which would take longer to load than the rest of a start.
 *
 * @param path absolute
 * @throws StartError for what is not of this kind
 */
export function readPlainWorker(path: string, environment: string | undefined): PlainWorker {
  const refuse = (message: string): never => {
    throw new StartError(`${relative(process.cwd(), path)}: ${message}`);
  };
  const errors: ParseError[] = [];
  const value: unknown = parse(readFileSync(path, "utf8"), errors, { allowTrailingComma: true });
  const [broken] = errors;
  if (broken !== undefined) refuse(`no JSON with comments: ${printParseErrorCode(broken.error)}`);
  const parsed = Config.safeParse(value);
  if (!parsed.success)
    return refuse(
      `an example has code, variables and service bindings alone; \`tulle dev\` runs everything:\n${z.prettifyError(parsed.error)}`,
    );
  const { env, ...top } = parsed.data;
  const own = environment === undefined ? undefined : env[environment];
  if (environment !== undefined && own === undefined) refuse(`no environment \`${environment}\``);
  // Variables and bindings are of the environment alone, as wrangler has it.
  const { vars, services } = own ?? top;
  return {
    name: environment === undefined ? top.name : (own?.name ?? `${top.name}-${environment}`),
    main: resolve(dirname(path), own?.main ?? top.main),
    compatibilityDate: own?.compatibility_date ?? top.compatibility_date,
    compatibilityFlags: own?.compatibility_flags ?? top.compatibility_flags ?? [],
    vars,
    services,
  };
}
