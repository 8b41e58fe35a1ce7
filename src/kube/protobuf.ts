import { err, ok, type Result } from "../result.ts";
import { bytesToBase64 } from "../snapshot/bytes.ts";
import { failure, type Status } from "./status.ts";

// Clients that know a kind may send it as protobuf: kubectl 1.32 does in `create namespace`, `create secret` and `auth can-i`,
// and does not fall back to JSON. What it sends is read here; objects of other kinds come as JSON from `kubectl apply -f`.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding

/** The fields of a message that are read, by number; others are skipped. */
interface Message {
  readonly [number: number]: readonly [name: string, type: FieldType];
}

/** `text` that is empty stands for no field: Kubernetes' encoder writes it so. `given` is a text that is kept as it is. */
type FieldType = "text" | "given" | "texts" | "number" | "boolean" | "bytes" | "map" | "base64-map" | Message;

// Field numbers: `generated.proto` of k8s.io/apimachinery and k8s.io/api.

const ENVELOPE: Message = {
  1: ["type", { 1: ["apiVersion", "text"], 2: ["kind", "text"] }],
  2: ["raw", "bytes"],
};

const METADATA: Message[number] = [
  "metadata",
  {
    1: ["name", "text"],
    2: ["generateName", "text"],
    3: ["namespace", "text"],
    11: ["labels", "map"],
    12: ["annotations", "map"],
  },
];

const ACCESS: Message = {
  1: [
    "resourceAttributes",
    {
      1: ["namespace", "text"],
      2: ["verb", "text"],
      3: ["group", "text"],
      4: ["version", "text"],
      5: ["resource", "text"],
      6: ["subresource", "text"],
      7: ["name", "text"],
    },
  ],
  2: ["nonResourceAttributes", { 1: ["path", "text"], 2: ["verb", "text"] }],
};

const DELETE_OPTIONS: Message = {
  1: ["gracePeriodSeconds", "number"],
  2: ["preconditions", { 1: ["uid", "given"], 2: ["resourceVersion", "given"] }],
  3: ["orphanDependents", "boolean"],
  4: ["propagationPolicy", "given"],
  5: ["dryRun", "texts"],
};

/** By `apiVersion/kind`. */
const OBJECTS: ReadonlyMap<string, Message> = new Map<string, Message>([
  ["v1/Namespace", { 1: METADATA }],
  ["v1/ConfigMap", { 1: METADATA, 2: ["data", "map"], 3: ["binaryData", "base64-map"], 4: ["immutable", "boolean"] }],
  [
    "v1/Secret",
    {
      1: METADATA,
      2: ["data", "base64-map"],
      3: ["type", "text"],
      4: ["stringData", "map"],
      5: ["immutable", "boolean"],
    },
  ],
  ["authorization.k8s.io/v1/SelfSubjectAccessReview", { 1: METADATA, 2: ["spec", ACCESS] }],
  ["authorization.k8s.io/v1/SelfSubjectRulesReview", { 1: METADATA, 2: ["spec", { 1: ["namespace", "text"] }] }],
  ["authentication.k8s.io/v1/SelfSubjectReview", { 1: METADATA }],
]);

const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const MAX_ECHOED_CHARACTERS = 64;

/**
 * Reads a body of type `application/vnd.kubernetes.protobuf`. Never throws.
 *
 * @param bytes as received; untrusted
 * @returns the object as JSON would have it; BadRequest for what is no such message; UnsupportedMediaType for one of a kind
 * that is not read in this form
 */
export function readProtobuf(bytes: Uint8Array): Result<unknown, Status> {
  const malformed = err(failure("BadRequest", "the body is no protobuf as Kubernetes writes it"));
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) return malformed;
  const envelope = decode(bytes.subarray(MAGIC.length), ENVELOPE);
  if (envelope === null) return malformed;

  const { type = {}, raw } = envelope as { type?: Partial<TypeMeta>; raw?: Uint8Array };
  const { apiVersion = "", kind = "" } = type;
  // DeleteOptions is a kind of every group.
  const message = kind === "DeleteOptions" ? DELETE_OPTIONS : OBJECTS.get(`${apiVersion}/${kind}`);
  if (message === undefined) {
    const what = `\`${kind.slice(0, MAX_ECHOED_CHARACTERS)}\` of \`${apiVersion.slice(0, MAX_ECHOED_CHARACTERS)}\``;
    return err(
      failure("UnsupportedMediaType", `${what} is not read as protobuf; use kubectl apply -f, which sends JSON`),
    );
  }
  // An object without fields is there too, with no bytes; what lacks it was cut off.
  const object = raw === undefined ? null : decode(raw, message);
  return object === null ? malformed : ok({ apiVersion, kind, ...object });
}

interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Every byte is looked at once for each message that it lies in, and these lie in each other as `message` says. */
function decode(bytes: Uint8Array, message: Message): Readonly<Record<string, unknown>> | null {
  const decoded = new Map<string, unknown>();
  let at = 0;
  while (at < bytes.length) {
    const field = fieldAt(bytes, at);
    if (field === null) return null;
    at = field.end;
    const [name, type] = message[field.number] ?? [];
    if (name === undefined || type === undefined) continue;
    const value = valueOf(field, type, decoded.get(name));
    if (value === null) return null;
    if (value !== undefined) decoded.set(name, value);
  }
  return Object.fromEntries(decoded);
}

/**
 * @param before what the same field had where it stood earlier: lists and maps grow, of others the last one counts
 * @returns null where the field is not of this type, undefined where it stands for nothing
 */
function valueOf({ value }: Field, type: FieldType, before: unknown): unknown {
  if (type === "number" || type === "boolean") {
    if (typeof value !== "bigint") return null;
    return type === "boolean" ? value !== 0n : Number(BigInt.asIntN(64, value));
  }
  if (!(value instanceof Uint8Array)) return null;
  if (type === "bytes") return value;
  if (type === "map" || type === "base64-map") {
    const entry = decode(value, type === "map" ? MAP_ENTRY : BYTES_ENTRY);
    if (entry === null) return null;
    const map = before instanceof Object ? before : {};
    const { key = "", value: given = "" } = entry as { key?: string; value?: string | Uint8Array };
    const text = typeof given === "string" ? given : bytesToBase64(given);
    // Assigned like this, a key `__proto__` is one like any other.
    return Object.defineProperty(map, key, { value: text, enumerable: true, configurable: true, writable: true });
  }
  if (typeof type === "object") return decode(value, type);
  const text = textOf(value);
  if (text === null) return null;
  if (type === "texts") {
    const list: unknown[] = Array.isArray(before) ? before : [];
    list.push(text);
    return list;
  }
  return text === "" && type === "text" ? undefined : text;
}

const MAP_ENTRY: Message = { 1: ["key", "given"], 2: ["value", "given"] };
const BYTES_ENTRY: Message = { 1: ["key", "given"], 2: ["value", "bytes"] };

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** As it stands on the wire; the value of one with a fixed length, which none of ours has, is left out. */
interface Field {
  readonly number: number;
  readonly value: bigint | Uint8Array | null;
  readonly end: number;
}

/** @returns null where the bytes end too early, or what stands there is no field */
function fieldAt(bytes: Uint8Array, start: number): Field | null {
  const tag = varintAt(bytes, start);
  if (tag === null || tag.value > 0xffff_ffffn || tag.value < 8n) return null;
  const number = Number(tag.value >> 3n);
  const at = tag.end;
  switch (tag.value & 7n) {
    case 0n: {
      const varint = varintAt(bytes, at);
      return varint && { number, ...varint };
    }
    case 1n:
      return at + 8 <= bytes.length ? { number, value: null, end: at + 8 } : null;
    case 2n: {
      const length = varintAt(bytes, at);
      if (length === null || length.value > BigInt(bytes.length - length.end)) return null;
      const end = length.end + Number(length.value);
      return { number, value: bytes.subarray(length.end, end), end };
    }
    case 5n:
      return at + 4 <= bytes.length ? { number, value: null, end: at + 4 } : null;
    default:
      return null;
  }
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. 64 bits need ten. */
const MAX_VARINT_BYTES = 10;

function varintAt(bytes: Uint8Array, start: number): { readonly value: bigint; readonly end: number } | null {
  let value = 0n;
  for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
    const byte = bytes[start + index];
    if (byte === undefined) return null;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  return null;
}
