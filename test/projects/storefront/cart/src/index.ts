interface Env {
  CATALOG: Fetcher;
}

/** The price of what a cart holds: `/cart?item=1&item=2`. */
export default {
  async fetch(request, env) {
    let sum = 0;
    for (const item of new URL(request.url).searchParams.getAll("item")) {
      const answer = await env.CATALOG.fetch(`https://catalog.internal/items/${item}`);
      if (!answer.ok) return new Response(`catalog: ${answer.status}`, { status: 502 });
      sum += (await answer.json<{ price: number }>()).price;
    }
    return Response.json({ sum });
  },
} satisfies ExportedHandler<Env>;
