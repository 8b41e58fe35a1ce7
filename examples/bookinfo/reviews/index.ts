import { countHits } from "../../hits.ts";
import { passedOn } from "../headers.ts";

interface Env {
  /** `v1` has no stars, `v2` black ones, `v3` red ones. */
  readonly VERSION: string;
}

const REVIEWS = [
  {
    reviewer: "Reviewer1",
    text: "An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!",
  },
  {
    reviewer: "Reviewer2",
    text: "Absolutely fun and entertaining. The play lacks thematic depth when compared to other plays by Shakespeare.",
  },
];

const UNAVAILABLE = { error: "Ratings service is currently unavailable" };

export default countHits<Env>(async (request, env) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/health") return Response.json({ status: "Reviews is healthy" });
  const id = /^\/reviews\/(-?\d+)$/.exec(pathname)?.[1];
  if (id === undefined) return Response.json({ error: "please provide numeric product ID" }, { status: 400 });
  const color = env.VERSION === "v2" ? "black" : env.VERSION === "v3" ? "red" : null;
  if (color === null) return answer(id, env, REVIEWS);
  const stars = await ratingsOf(id, request.headers, color === "black" ? 10_000 : 2_500);
  const rated = REVIEWS.map((review) => ({
    ...review,
    rating: stars === null ? UNAVAILABLE : { stars: stars[review.reviewer] ?? -1, color },
  }));
  return answer(id, env, rated);
});

function answer(id: string, env: Env, reviews: readonly unknown[]): Response {
  return Response.json({ id, podname: `reviews-${env.VERSION}`, clustername: "null", reviews });
}

/** Stars by reviewer, or null where ratings did not answer in time. */
async function ratingsOf(id: string, incoming: Headers, timeoutMs: number): Promise<Record<string, number> | null> {
  try {
    const answer = await fetch(`http://ratings:9080/ratings/${id}`, {
      headers: passedOn(incoming),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (answer.status !== 200) return null;
    const body: { ratings: Record<string, number> } = await answer.json();
    return body.ratings;
  } catch {
    return null;
  }
}
