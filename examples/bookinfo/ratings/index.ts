import { countHits } from "../../hits.ts";

/** What was posted lasts as long as the isolate. */
const posted = new Map<number, unknown>();

/** ratings: stars by reviewer, in memory. */
export default countHits(async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/health") return Response.json({ status: "Ratings is healthy" });
  const text = /^\/ratings\/([^/]*)$/.exec(pathname)?.[1];
  if (text === undefined) return Response.json({ error: "not found" }, { status: 404 });
  if (!/^-?\d+$/.test(text)) return Response.json({ error: "please provide numeric product ID" }, { status: 400 });
  const id = Number(text);
  if (request.method === "POST") {
    const ratings = await jsonBody(request);
    if (ratings === undefined) return Response.json({ error: "please provide valid ratings JSON" }, { status: 400 });
    posted.set(id, ratings);
  }
  return Response.json({ id, ratings: posted.get(id) ?? { Reviewer1: 5, Reviewer2: 4 } });
});

async function jsonBody(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}
