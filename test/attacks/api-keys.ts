import { randomBytes } from "node:crypto";
import { API_KEY_BYTES, apiKeyOf } from "../../src/identity/api-key.ts";
import type { AttackCase, KeySpec } from "./corpus.ts";
import type { AttackedMesh } from "./fixture.ts";
import { demandEqual, NotCovered } from "./outcome.ts";
import { namespaceOf } from "./worlds.ts";

export interface MadeKey {
  /** Null: it was never made. */
  readonly id: string | null;
  readonly key: string;
}

/** `$key:NAME` in a case stands for that key, `$key:NAME|HOW` for a bad spelling of it. */
const PLACEHOLDER = /\$key:([a-z0-9-]+)(?:\|([a-z-]+))?/g;

const SPELLINGS: Readonly<Record<string, (key: string) => string>> = {
  "upper-case": (key) => key.toUpperCase(),
  "other-case": (key) =>
    key.replace(/[a-z]/gi, (one) => (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase())),
  "cut-off": (key) => key.slice(0, -1),
  "without-sum": (key) => key.slice(0, key.lastIndexOf("_")),
  "space-inside": (key) => `${key.slice(0, 9)} ${key.slice(9)}`,
  "tab-inside": (key) => `${key.slice(0, 9)}\t${key.slice(9)}`,
  escaped: (key) => key.replaceAll("_", "%5F"),
};

/** Names of the keys that a text speaks of. */
export function placeholdersIn(text: string): readonly string[] {
  return [...text.matchAll(PLACEHOLDER)].map(([, name = ""]) => name);
}

/** A case with its keys where they go: in what is sent, and in what must not be seen. */
export function withKeys(attack: AttackCase, keys: ReadonlyMap<string, MadeKey>): AttackCase {
  if (keys.size === 0) return attack;
  // A key, however it is spelled, is written in JSON as it stands; a tab is not.
  const text = JSON.stringify(attack).replaceAll(PLACEHOLDER, (_, name: string, how: string | undefined) =>
    JSON.stringify(spelled(keys.get(name)?.key ?? "", how)).slice(1, -1),
  );
  return JSON.parse(text) as AttackCase;
}

function spelled(key: string, how: string | undefined): string {
  if (how === undefined) return key;
  const spelling = SPELLINGS[how];
  if (spelling === undefined) throw new NotCovered(`no spelling \`${how}\` of a key`);
  return spelling(key);
}

/** Makes the keys that a case asks for, as an administrator does. */
export async function makeKeys(
  mesh: AttackedMesh,
  specs: readonly KeySpec[],
  index: number,
): Promise<ReadonlyMap<string, MadeKey>> {
  const keys = new Map<string, MadeKey>();
  for (const spec of specs) keys.set(spec.name, await makeKey(mesh, spec, index));
  return keys;
}

async function makeKey(mesh: AttackedMesh, spec: KeySpec, index: number): Promise<MadeKey> {
  const { name, namespace = "prod", client = name, made, revoked = false, ...more } = spec;
  if (made === false) return { id: null, key: apiKeyOf(new Uint8Array(randomBytes(API_KEY_BYTES))) };
  const wanted = { ...more, name: client, namespace: namespace === "prod" ? namespaceOf(index) : namespace };
  const answer = await mesh.control("POST", "/api/v1/keys", JSON.stringify(wanted), "application/json");
  demandEqual(`the status of the key \`${name}\``, answer.status, 201, answer.text);
  const { id, key } = JSON.parse(answer.text) as { readonly id: string; readonly key: string };
  if (revoked) await revokeKey(mesh, id);
  return { id, key };
}

export async function revokeKey(mesh: AttackedMesh, id: string): Promise<void> {
  const { status, text } = await mesh.control("DELETE", `/api/v1/keys/${id}`);
  demandEqual("the status of its revocation", status, 204, text);
}
