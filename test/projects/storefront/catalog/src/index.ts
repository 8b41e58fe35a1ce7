const ITEMS: Record<string, { name: string; price: number }> = {
  "1": { name: "teapot", price: 24 },
  "2": { name: "kettle", price: 31 },
};

export default {
  async fetch(request, env) {
    const id = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const item = ITEMS[id];
    return item ? Response.json({ ...item, edition: env.EDITION }) : new Response("no such item", { status: 404 });
  },
} satisfies ExportedHandler<{ EDITION: string }>;
