const BODY = "x".repeat(1_024);
const BYTES = new TextEncoder().encode(BODY);
const HEADERS = { headers: { "content-type": "text/plain" } };
/** Without the header nobody but the runtime knows the length of a text. */
const KNOWN = { headers: { ...HEADERS.headers, "content-length": String(BYTES.length) } };

/** The upstream as a Worker behind a service binding: 1 KB with its length, under `/unknown` as a stream without. */
export default {
  fetch({ url }): Response {
    if (!url.includes("/api/v1/unknown/")) return new Response(BODY, KNOWN);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(BYTES.slice());
        controller.close();
      },
    });
    return new Response(stream, HEADERS);
  },
} satisfies ExportedHandler;
