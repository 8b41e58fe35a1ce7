interface Env {
  CATALOG: Fetcher;
  CART: Fetcher;
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/cart") return env.CART.fetch(request);
    if (url.pathname.startsWith("/items/")) {
      const item = await env.CATALOG.fetch(new URL(url.pathname, "https://catalog.internal"));
      return new Response(item.body, item);
    }
    return new Response("storefront");
  },
} satisfies ExportedHandler<Env>;
