import { countHits } from "../../hits.ts";
import { passedOn } from "../headers.ts";
import { type Fetched, productPage, startPage, STYLE } from "./pages.ts";
import { loginCookie, LOGOUT_COOKIE, userOf } from "./session.ts";

interface Env {
  readonly VERSION: string;
  /** Signs the session cookie. */
  readonly SESSION_SECRET?: string;
  /** Extra reviews calls for each page view. */
  readonly FLOOD_FACTOR?: string;
}

/** What one call may take. */
const CALL_TIMEOUT_MS = 3_000;

const PRODUCT = {
  id: 0,
  title: "The Comedy of Errors",
  descriptionHtml:
    '<a href="https://en.wikipedia.org/wiki/The_Comedy_of_Errors">Wikipedia Summary</a>: The Comedy of Errors is one of ' +
    "William Shakespeare's early plays: two pairs of twins, one city, and a day of mistaken identity.",
};

const results = new Map<string, number>();

export default countHits<Env>(async (request, env) => {
  const { pathname } = new URL(request.url);
  const secret = env.SESSION_SECRET ?? "bookinfo";
  const user = await userOf(request, secret);
  const headers = passedOn(request.headers);
  if (user !== null) headers.set("end-user", user);

  if (pathname === "/" || pathname === "/index.html") return html(startPage());
  if (pathname === "/health")
    return new Response("Product page is healthy", { headers: { "content-type": "text/plain" } });
  if (pathname === "/static/style.css") return new Response(STYLE, { headers: { "content-type": "text/css" } });
  if (pathname === "/metrics")
    return new Response(metrics(), { headers: { "content-type": "text/plain; version=0.0.4" } });
  if (pathname === "/login" && request.method === "POST") {
    const form = await request.formData();
    const name = form.get("username");
    return back(request, await loginCookie(typeof name === "string" ? name : "", secret));
  }
  if (pathname === "/logout") return back(request, LOGOUT_COOKIE);
  if (pathname === "/productpage") {
    await flood(Number(env.FLOOD_FACTOR ?? 0), headers);
    const [details, reviews] = await Promise.all([detailsOf("0", headers), reviewsOf("0", headers)]);
    return html(
      productPage({ title: PRODUCT.title, descriptionHtml: PRODUCT.descriptionHtml, user, details, reviews }),
    );
  }
  if (pathname === "/api/v1/products") return Response.json([PRODUCT]);
  const [, id, part] = /^\/api\/v1\/products\/(-?\d+)(?:\/(reviews|ratings))?$/.exec(pathname) ?? [];
  if (id !== undefined) {
    const call = part === "reviews" ? reviewsOf : part === "ratings" ? ratingsOf : detailsOf;
    const { status, body } = await call(id, headers);
    return Response.json(body, { status });
  }
  return new Response("Not Found", { status: 404, headers: { "content-type": "text/plain" } });
});

async function detailsOf(id: string, headers: Headers): Promise<Fetched> {
  return call("details", "product details", `http://details:9080/details/${id}`, headers);
}

/** Tried twice whatever happens: upstream's planted bug, which makes slow reviews cost 6 s. */
async function reviewsOf(id: string, headers: Headers): Promise<Fetched> {
  const first = await call("reviews", "product reviews", `http://reviews:9080/reviews/${id}`, headers);
  if (first.status === 200) return first;
  return call("reviews", "product reviews", `http://reviews:9080/reviews/${id}`, headers);
}

async function ratingsOf(id: string, headers: Headers): Promise<Fetched> {
  return call("ratings", "product ratings", `http://ratings:9080/ratings/${id}`, headers);
}

async function call(app: string, what: string, url: string, headers: Headers): Promise<Fetched> {
  const sorry = { error: `Sorry, ${what} are currently unavailable for this book.` };
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    count(app, answer.status);
    if (answer.status === 200) return { status: 200, body: await answer.json() };
    return { status: answer.status, body: sorry };
  } catch {
    count(app, 500);
    return { status: 500, body: sorry };
  }
}

async function flood(factor: number, headers: Headers): Promise<void> {
  await Promise.all(Array.from({ length: factor }, () => reviewsOf("0", headers)));
}

function count(app: string, status: number): void {
  const series = `request_result_total{destination_app="${app}",response_code="${status}"}`;
  results.set(series, (results.get(series) ?? 0) + 1);
}

function metrics(): string {
  const lines = [...results].map(([series, value]) => `${series} ${value}`);
  const head = [
    "# HELP request_result_total Results of the calls to other services.",
    "# TYPE request_result_total counter",
  ];
  return `${[...head, ...lines].join("\n")}\n`;
}

function html(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/html; charset=utf-8" } });
}

function back(request: Request, cookie: string): Response {
  const location = request.headers.get("referer") ?? "/productpage";
  return new Response(null, { status: 302, headers: { location, "set-cookie": cookie } });
}
