/** More than these no `fetch` follows. */
const MOST_REDIRECTS = 20;

/**
 * Whether what a call sends stands in its arguments. Whether the body of a Request may be
 * sent twice the runtime alone can tell, and a form's boundary stands in the header of the first time.
 */
export function canBeSentAgain(input: RequestInfo | URL, init: RequestInit | undefined): boolean {
  const body: unknown = init?.body;
  if (body === undefined || body === null) return !(input instanceof Request) || input.body === null;
  return (
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams
  );
}

export function isRedirect({ status, headers }: Response): boolean {
  return [301, 302, 303, 307, 308].includes(status) && headers.has("location");
}

/**
 * Follows redirects as the runtime does, each to where its own host leads.
 *
 * @param first the redirect that answered `request`
 * @param body what `request` sent, to be sent again
 * @param send does not follow
 * @throws TypeError where there are too many, or one leads to what is no HTTP URL
 */
export async function follow(
  first: Response,
  request: Request,
  body: BodyInit | null,
  send: (request: Request) => Promise<Response>,
): Promise<Response> {
  let answer = first;
  let url = new URL(request.url);
  let { method } = request;
  let sent = body;
  const headers = new Headers(request.headers);
  for (let count = 0; isRedirect(answer); count += 1) {
    if (count === MOST_REDIRECTS) throw new TypeError(`Too many redirects: ${request.url}`);
    const next = target(answer, url);
    await answer.body?.cancel();
    if (method === "POST" ? answer.status < 304 : answer.status === 303 && method !== "GET" && method !== "HEAD") {
      method = "GET";
      sent = null;
    }
    if (next.origin !== url.origin) headers.delete("authorization");
    url = next;
    answer = await send(hop(url, request, { method, headers, body: sent }));
  }
  // The runtime knows of the last hop alone.
  Object.defineProperty(answer, "redirected", { value: true });
  return answer;
}

function target({ headers }: Response, from: URL): URL {
  const url = new URL(headers.get("location") ?? "", from.href);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError(`Redirect to no HTTP URL: ${url.href}`);
  return url;
}

function hop(url: URL, { cf, signal }: Request, init: RequestInit): Request {
  return new Request(url, {
    ...init,
    redirect: "manual",
    signal,
    ...(cf !== undefined && { cf: cf as RequestInitCfProperties }),
  });
}
