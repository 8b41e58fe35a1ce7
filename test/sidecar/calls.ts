const URL_ = "http://orders/path?a=b%20c&d";
const to = (status: number, place: string) => `http://orders/redirect?status=${status}&to=${encodeURIComponent(place)}`;
/** Taken when this module is evaluated: what it holds says whether the entry came in time. */
const early = fetch;
const stream = () => new Blob(["stre", "amed"]).stream();
const post = (body: BodyInit, more: RequestInit = {}): RequestInit => ({ method: "POST", body, ...more });

/** Calls whose outcome has to be that of the same `fetch` without a mesh. */
export const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  "by text": async () => seen(fetch(URL_)),
  "by URL": async () => seen(fetch(new URL(URL_))),
  "by Request": async () => seen(fetch(new Request(URL_, { method: "PUT", headers: { "x-a": "1" }, body: "text" }))),
  "by Request and init": async () =>
    seen(
      fetch(new Request(URL_, { method: "PUT", headers: { "x-a": "1" }, body: "text" }), { headers: { "x-b": "2" } }),
    ),
  "by text and a Request as init": async () =>
    seen(fetch(URL_, new Request("http://other/", { method: "PUT", headers: { "x-a": "1" }, body: "text" }))),
  "in capitals": async () => seen(fetch("HTTP://ORDERS:9080/Path")),
  "with a dot at the end": async () => seen(fetch("http://orders.:9080/")),
  "with user and password": async () => seen(fetch("http://user:pass@orders/")),
  "with no URL": async () => seen(fetch("not a url")),
  "with what is no protocol": async () => seen(fetch("gopher://orders/")),
  "with a body to GET": async () => seen(fetch(URL_, { ...post("text"), method: "GET" })),
  "with a method that is none": async () => seen(fetch(URL_, { method: "a b" })),
  "with a body of text": async () => seen(fetch(URL_, post("text"))),
  "with a body of bytes": async () => seen(fetch(URL_, post(Uint8Array.of(98, 121, 116, 101, 115).buffer))),
  "with a body of a view": async () => seen(fetch(URL_, post(new TextEncoder().encode("view").subarray(1)))),
  "with a body of a blob": async () => seen(fetch(URL_, post(new Blob(["blob"], { type: "text/x-blob" })))),
  "with a body of a query": async () => seen(fetch(URL_, post(new URLSearchParams({ a: "b c" })))),
  "with a body of a stream": async () => seen(fetch(URL_, post(stream()))),
  async "with a body of a form"() {
    const form = new FormData();
    form.set("a", "b");
    const { headers, body, ...rest } = (await seen(fetch(URL_, post(form)))) as Seen;
    // The boundary is drawn anew each time.
    return { ...rest, body: body.includes('name="a"'), type: headers["content-type"]?.split(";")[0] };
  },
  async "with 1 MiB both ways"() {
    const answer = await fetch("http://orders/mirror", post(new Uint8Array(1024 * 1024).fill(7)));
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return { length: bytes.length, same: bytes.every((byte) => byte === 7) };
  },
  async "with a stream that is answered while it is sent"() {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answering = fetch("http://orders/mirror", post(readable));
    const first = writer.write(new TextEncoder().encode("first"));
    const reader = (await answering).body?.getReader();
    const one = new TextDecoder().decode((await reader?.read())?.value as Uint8Array | undefined);
    await first;
    await writer.close();
    return { one, end: (await reader?.read())?.done };
  },
  "aborted before": async () => seen(fetch(URL_, { signal: AbortSignal.abort() })),
  "aborted while it waits": async () => seen(fetch("http://orders/never", { signal: AbortSignal.timeout(50) })),
  "aborted by a Request's signal": async () =>
    seen(fetch(new Request("http://orders/never", { signal: AbortSignal.timeout(50) }))),
  async "aborted while the answer comes"() {
    const controller = new AbortController();
    const answer = await fetch("http://orders/endless", { signal: controller.signal });
    const reader = answer.body?.getReader();
    await reader?.read();
    controller.abort();
    return seen(reader?.read() as Promise<unknown> as Promise<Response>);
  },
  async "as a WebSocket"() {
    const { status, webSocket } = await fetch("http://orders/socket", { headers: { upgrade: "websocket" } });
    webSocket?.accept();
    const message = new Promise((resolve) => webSocket?.addEventListener("message", ({ data }) => resolve(data)));
    webSocket?.send("hello");
    return { status, message: await message };
  },
  "to a redirect": async () => seen(fetch(to(302, "http://payments/next"))),
  "to a redirect to a path": async () => seen(fetch(to(307, "/next?x=y"))),
  "to a redirect outside": async () => seen(fetch(to(302, "http://outside.example/next"))),
  "to two redirects": async () => seen(fetch(to(301, to(302, "http://payments/next")))),
  "to a redirect without end": async () => seen(fetch("http://orders/loop")),
  "to a redirect to what is no HTTP": async () => seen(fetch(to(302, "ftp://payments/"))),
  "to a redirect to no URL": async () => seen(fetch(to(302, "http://"))),
  "to a redirect without a place": async () => seen(fetch("http://orders/redirect?status=302")),
  "to a redirect by hand": async () => seen(fetch(to(302, "http://payments/next"), { redirect: "manual" })),
  "to a redirect as an error": async () => seen(fetch(to(302, "http://payments/next"), { redirect: "error" })),
  "to a redirect with credentials, elsewhere": async () =>
    seen(fetch(to(302, "http://payments/next"), { headers: { authorization: "a", cookie: "b", "x-c": "d" } })),
  "to a redirect with credentials, here": async () =>
    seen(fetch(to(302, "/next"), { headers: { authorization: "a", cookie: "b", "x-c": "d" } })),
  "to a redirect with a signal": async () => seen(fetch(to(302, "/never"), { signal: AbortSignal.timeout(50) })),
  "to a redirect of a form that is a stream": async () => seen(fetch(to(307, "/next"), post(stream()))),
  "to a redirect of a Request": async () => seen(fetch(new Request(to(308, "/next"), post("text")))),
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].flatMap((status) =>
      ["GET", "HEAD", "POST", "PUT", "DELETE"].map((method) => [
        `to a redirect of ${method} by ${status}`,
        async () => {
          const body = method === "POST" || method === "PUT" ? { body: "text" } : {};
          return seen(
            fetch(to(status, "http://payments/next"), { method, ...body, headers: { "content-language": "en" } }),
          );
        },
      ]),
    ),
  ),
};

/** Calls by which one tells whom they went through. */
export const WAYS: Readonly<Record<string, () => Promise<unknown>>> = {
  orders: async () => seen(fetch("http://orders:9080/")),
  "orders, by what was fetch when the module began": async () => seen(early("http://orders/")),
  "orders, passing Host on": async () => seen(fetch("http://orders/", { headers: { host: "outside.example" } })),
  payments: async () => seen(fetch("http://PAYMENTS./")),
  outside: async () => seen(fetch("http://outside.example/")),
  "outside by TLS": async () => seen(fetch("https://outside.example/")),
  "orders to payments": async () => seen(fetch(to(302, "http://payments/"))),
  "orders to outside": async () => seen(fetch(to(307, "https://outside.example/"), post("text"))),
  "orders to payments, with a stream": async () => seen(fetch(to(303, "http://payments/"), post(stream()))),
};

interface Seen {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the caller gets, which holds what the callee got. */
export async function seen(answering: Promise<Response>): Promise<unknown> {
  const answer = await answering;
  const { status, redirected, url, headers } = answer;
  const text = await answer.text();
  const got = { status, redirected, url, gateway: headers.get("x-gateway"), location: headers.get("location") };
  return { ...got, ...(text.startsWith("{") ? (JSON.parse(text) as object) : { text }) };
}
