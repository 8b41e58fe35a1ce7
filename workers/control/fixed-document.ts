import { bytesToHex } from "../../src/snapshot/bytes.ts";
import type { Ask } from "./kube/request.ts";

/** A document that is the same as long as this version of control runs. */
export interface Fixed {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

export const JSON_TYPE = "application/json";

const made = new Map<string, Promise<Fixed>>();

/** Made at the first wish, and kept: schemas are worked out from those that objects are read by. */
export async function fixed(key: string, type: string, make: () => string | Uint8Array<ArrayBuffer>): Promise<Fixed> {
  let document = made.get(key);
  if (!document) {
    document = (async () => {
      const body = make();
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      const hash = bytesToHex(await crypto.subtle.digest("SHA-256", bytes));
      return { body, type, etag: `"${hash}"` };
    })();
    made.set(key, document);
  }
  return document;
}

export function sendFixed(c: Ask, { body, type, etag }: Fixed): Response {
  const headers = { etag, vary: "Accept", "cache-control": "no-cache" };
  const known = (c.req.header("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag)) return new Response(null, { status: 304, headers });
  return new Response(body, { headers: { ...headers, "content-type": type } });
}
