import { createHash } from "node:crypto";

interface Env {
  DB: D1Database;
  POSTED: Queue<{ id: number; digest: string }>;
}

export default {
  async fetch(request, env) {
    await env.DB.exec("CREATE TABLE IF NOT EXISTS posts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    if (request.method === "GET") {
      const { results } = await env.DB.prepare("SELECT id, text FROM posts ORDER BY id").all();
      return Response.json(results);
    }
    const text = await request.text();
    const row = await env.DB.prepare("INSERT INTO posts (text) VALUES (?) RETURNING id")
      .bind(text)
      .first<{ id: number }>();
    const digest = createHash("sha256").update(text).digest("hex");
    await env.POSTED.send({ id: row?.id ?? 0, digest });
    return Response.json({ id: row?.id }, { status: 201 });
  },
} satisfies ExportedHandler<Env>;
