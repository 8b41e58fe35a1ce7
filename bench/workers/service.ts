const BODY = "x".repeat(1_024);

/** The upstream as a Worker behind a service binding: 1 KB. */
export default {
  fetch: (): Response => new Response(BODY, { headers: { "content-type": "text/plain" } }),
};
