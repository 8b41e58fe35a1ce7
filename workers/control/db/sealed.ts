import { eventLine } from "../../../src/telemetry/event-line.ts";
import { unreadable } from "../../../src/kube/unreadable.ts";
import { isSecret, type KubeObject, type ObjectRef, refKey } from "../../../src/resources/object.ts";
import { seal, sealingKey, unseal } from "../sealing.ts";

/** Of the key: nothing else is sealed under it. */
const PURPOSE = "secrets";

/** Kinds of which a dump of the database tells names and labels, and no content (R29). */
const isSealed = isSecret;

/** A sealed object as it stands in a row. */
interface SealedObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** Without annotations: `kubectl apply` keeps the whole object in one. */
  readonly metadata: KubeObject["metadata"];
  /** JSON of `Content`. */
  readonly sealed: string;
}

interface Content {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The objects' way into rows and back. */
export interface Sealing {
  /** @param ref of the row; what is sealed for one row opens in no other */
  toRow(object: KubeObject, ref: ObjectRef): Promise<string>;
  /** @returns what cannot be opened without its content, marked as `unreadable` */
  fromRow(json: string, ref: ObjectRef): Promise<KubeObject>;
}

/** @param secret that is not in the database */
export function sealing(secret: string): Sealing {
  return {
    async toRow(object, ref) {
      if (!isSealed(ref)) return JSON.stringify(object);
      const { apiVersion, kind, metadata, status: _, ...fields } = object;
      const { annotations, ...open } = metadata;
      const content: Content = { fields, ...(annotations !== undefined && { annotations }) };
      const bytes = new TextEncoder().encode(JSON.stringify(content));
      const sealed = await seal(bytes, await keyOf(secret), refKey(ref));
      return JSON.stringify({ apiVersion, kind, metadata: open, sealed } satisfies SealedObject);
    },

    async fromRow(json, ref) {
      const stored = JSON.parse(json) as KubeObject;
      if (!isSealed(ref)) return stored;
      const { apiVersion, kind, metadata } = stored;
      try {
        // What stands there in the clear, nobody has sealed: the database alone says so.
        const bytes = await unseal(String(stored["sealed"]), await keyOf(secret), refKey(ref));
        const { fields, annotations } = JSON.parse(new TextDecoder().decode(bytes)) as Content;
        return { apiVersion, kind, metadata: { ...metadata, ...(annotations && { annotations }) }, ...fields };
      } catch {
        console.error(eventLine({ event: "object_unreadable", object: refKey(ref) }));
        const { annotations: _, ...open } = metadata;
        const { name, namespace } = ref;
        return unreadable({ apiVersion: "v1", kind: ref.kind, metadata: { ...open, name, namespace } });
      }
    },
  };
}

/** Derived once an isolate. The key and not its promise, which would belong to the request that began it. */
const keys = new Map<string, CryptoKey>();

async function keyOf(secret: string): Promise<CryptoKey> {
  const known = keys.get(secret);
  if (known) return known;
  const key = await sealingKey(secret, PURPOSE);
  keys.set(secret, key);
  return key;
}
