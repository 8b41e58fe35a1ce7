import type { Items } from "./rpc-items.ts";

interface Env {
  readonly ITEMS: Items;
}

const KNOWN = { headers: { "content-type": "text/plain", "content-length": "1024" } };
const REFUSED = { status: 403 };

/** Calls a method for each request: what most may call, or what nobody may. */
export default {
  async fetch({ url }: Request, { ITEMS }: Env): Promise<Response> {
    try {
      return new Response(await (url.includes("/api/v1/private/") ? ITEMS.remove(url) : ITEMS.read(url)), KNOWN);
    } catch (error) {
      if (error instanceof Error && error.name === "MeshDenied") return new Response(error.message, REFUSED);
      throw error;
    }
  },
};
