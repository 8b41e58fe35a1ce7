interface Env {
  readonly SERVER: { fetch(request: Request): Promise<Response> };
}

/** Stands for the public network: whatever the URL names, one server answers. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    return env.SERVER.fetch(request);
  },
};
