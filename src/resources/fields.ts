import { z } from "zod";

/** What a schema says beside its shape. Both are read by `shape.ts`. */
interface Notes {
  /** Fields that Istio knows and we refuse, with the message. */
  readonly refused?: Readonly<Record<string, string>>;
  /** The field only tunes connections: it is stored and answered with this warning. */
  readonly tuning?: { readonly instead: string; readonly silentFor?: unknown };
  /** What is said where the field is missing. */
  readonly missing?: string;
  /** Refused, with this message, unless it is empty: an empty value says nothing. */
  readonly emptyOnly?: string;
}

export const NOTES = z.registry<Notes>();

/** A field or value that could work here and does not yet. */
export function later(instead?: string): string {
  return instead === undefined ? "not supported yet" : `not supported yet: ${instead}`;
}

/** A field or value that cannot work on this platform. */
export function never(reason: string): string {
  return `cannot work here: ${reason}`;
}

/** Why something can never work, as the letters of Istio's field list sum it up. */
export const REASON = {
  framing:
    "the platform ends TLS and HTTP framing before a Worker runs, so neither raw TCP nor the handshake can be seen or set",
  connection: "the platform owns the connections to the destination and lets nobody set how they are made",
  socket: "a Worker has no sockets, ports or addresses to listen on; it is reached by host name or service binding",
  files: "there is no file system; certificates belong to the zone or the edge",
  zones: "a location does not know how many callers there are in it, so there are no shares of zones",
  grpc: "HTTP/2 trailers do not exist on this runtime; gRPC-Web and Connect go through as HTTP",
} as const;

/** An object whose fields are all known: those of `shape` work, those of `refused` are answered with their message, any other is unknown. */
export function strict<S extends z.core.$ZodLooseShape>(
  shape: S,
  refused: Readonly<Record<string, string>> = {},
): z.ZodObject<S, z.core.$strict> {
  const schema = z.strictObject(shape);
  NOTES.add(schema, { refused });
  return schema;
}

/** A list that is refused unless it is empty, as tools write what is not set. @param message as those of `strict` */
export function emptyList(message: string): z.ZodExactOptional<z.ZodArray<z.ZodUnknown>> {
  const schema = z.array(z.unknown()).max(0, { error: message });
  NOTES.add(schema, { emptyOnly: message });
  return schema.exactOptional();
}

/** The same for a text. */
export function emptyText(message: string): z.ZodExactOptional<z.ZodString> {
  const schema = z.string().max(0, { error: message });
  NOTES.add(schema, { emptyOnly: message });
  return schema.exactOptional();
}

/** The same for a map. */
export function emptyMap(message: string): z.ZodExactOptional<z.ZodRecord<z.ZodString, z.ZodUnknown>> {
  const schema = z.record(z.string(), z.unknown()).refine((map) => Object.keys(map).length === 0, { error: message });
  NOTES.add(schema, { emptyOnly: message });
  return schema.exactOptional();
}

/**
 * A field that tunes connections, which the platform owns: checked, stored, and answered with a warning.
 *
 * @param instead what happens here in its place
 * @param silentFor the value that asks for what the platform does anyway
 */
export function tuning<S extends z.ZodType>(schema: S, instead: string, silentFor?: unknown): z.ZodExactOptional<S> {
  const optional = schema.exactOptional();
  NOTES.add(optional, { tuning: { instead, silentFor } });
  return optional;
}

/** One of `values`; those of `refused` are known to Istio and answered with their message. */
export function choice<const V extends readonly [string, ...string[]]>(
  values: V,
  refused: Readonly<Record<string, string>> = {},
): z.ZodEnum<{ [K in V[number]]: K }> {
  return z.enum(values, {
    error: ({ input }) => {
      if (typeof input === "string" && Object.hasOwn(refused, input)) return `\`${input}\`: ${refused[input]}`;
      return `must be one of ${values
        .filter((value) => value !== "")
        .map((value) => `\`${value}\``)
        .join(", ")}`;
    },
  });
}

/** A string that `holds`; `rule` completes "must be". */
export function text(holds: (value: string) => boolean, rule: string): z.ZodString {
  const message = `must be ${rule}`;
  // A number that quotes alone would not mend, such as a duration without its unit.
  const error = ({ input }: z.core.$ZodRawIssue): string | undefined =>
    typeof input === "number" && !holds(String(input)) ? message : undefined;
  return z.string({ error }).refine(holds, { error: message });
}

/** A list that has members; an empty one is more likely a mistake than a wish. */
export function list<S extends z.ZodType>(member: S): z.ZodArray<S> {
  return z.array(member).min(1);
}

const UINT32 = 4_294_967_295;
const INT32 = 2_147_483_647;

export const uint32 = z.int().min(0).max(UINT32);
/** A limit; 0 is none. */
export const count = z.int().min(0).max(INT32);
export const portNumber = z.int().min(1).max(65_535);
export const percentage = z.int().min(0).max(100);
