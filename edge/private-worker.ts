interface Env {
  readonly FORWARDER: { fetch(request: Request): Promise<Response> };
}

/** Stands for a Workers VPC network: the URL says where to connect, and the Host header may be another. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const onward = new Request(request);
    onward.headers.set("tulle-private-target", new URL(request.url).host);
    return env.FORWARDER.fetch(onward);
  },
};
