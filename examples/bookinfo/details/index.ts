import { countHits } from "../../hits.ts";

/** details: facts about a book, from a constant. */
export default countHits((request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/health") return Response.json({ status: "Details is healthy" });
  const id = /^\/details\/([^/]*)$/.exec(pathname)?.[1];
  if (id === undefined) return Response.json({ error: "not found" }, { status: 404 });
  if (!/^-?\d+$/.test(id)) return Response.json({ error: "please provide numeric product id" }, { status: 400 });
  return Response.json({
    id: Number(id),
    author: "William Shakespeare",
    year: 1595,
    type: "paperback",
    pages: 200,
    publisher: "PublisherA",
    language: "English",
    "ISBN-10": "1234567890",
    "ISBN-13": "123-1234567890",
  });
});
