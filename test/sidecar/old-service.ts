import { WAYS } from "./calls.ts";

/** A Worker of which nobody changed anything for years. */
export default {
  async fetch(request: Request): Promise<Response> {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    return Response.json(await WAYS[name]?.());
  },
};
