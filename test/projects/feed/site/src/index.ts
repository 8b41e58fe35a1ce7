import type { Render } from "../../render/src/index";

interface Env {
  ASSETS: Fetcher;
  INGEST: Fetcher;
  RENDER: Service<typeof Render>;
  TITLE: string;
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/posts") return env.INGEST.fetch(request);
    if (pathname === "/") {
      const html = await env.RENDER.page(env.TITLE);
      return new Response(html, { headers: { "content-type": "text/html" } });
    }
    return env.ASSETS.fetch(request);
  },
} satisfies ExportedHandler<Env>;
