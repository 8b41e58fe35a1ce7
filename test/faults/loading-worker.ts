import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { readSlice } from "../../src/snapshot/signature.ts";

let held: LinkedSlice | null = null;

/** Loads a slice as a gateway's isolate does, and keeps it; without an id it only takes the text, and forgets what it has. */
export default {
  async fetch(request: Request): Promise<Response> {
    // What a request has made is held until another one comes.
    if (request.method === "GET") return Response.json({ holds: held !== null });
    const [id, text] = [new URL(request.url).searchParams.get("id"), await request.text()];
    if (id === null) {
      held = null;
      return Response.json({ characters: text.length });
    }
    const read = await readSlice(text, id);
    if (!read.ok) return Response.json(read.error, { status: 422 });
    held = link(read.value);
    return Response.json({ policySets: held.policySets.length });
  },
};
