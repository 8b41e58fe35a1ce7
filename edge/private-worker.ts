interface Env {
  readonly FORWARDER: { fetch(request: Request): Promise<Response> };
}

/**
 * Stands for a Workers VPC network: the URL says where to connect, and the Host header may be another. Towards a plain
 * server the runtime makes Host of the URL, so the two change places.
 */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    const target = url.origin;
    // The forwarder makes the TLS: between here and it nothing leaves the machine.
    url.protocol = "http:";
    // A host without a port leaves the one before it in place.
    url.port = "";
    url.host = request.headers.get("host") ?? new URL(target).host;
    const onward = new Request(url, request);
    onward.headers.set("tulle-private-target", target);
    return env.FORWARDER.fetch(onward);
  },
};
