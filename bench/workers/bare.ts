interface Env {
  readonly ORIGIN: Fetcher;
}

/** The floor: a Worker that does nothing but pass on. */
export default {
  fetch: (request: Request, env: Env): Promise<Response> => env.ORIGIN.fetch(request),
};
