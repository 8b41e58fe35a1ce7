import { request as httpRequest } from "node:http";
import { type RequestOptions, request as httpsRequest } from "node:https";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  /** Sent as the Host header; the connection goes to the URL's address. */
  readonly host?: string;
  /** In place of the URL's path: a whole URL, as a proxy is asked. */
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For TLS: whom to trust, what to show, the name to ask for. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string; readonly servername?: string };
  readonly signal?: AbortSignal;
}

/** One request on a connection of its own; unlike `fetch` it lets the Host header and client certificates be chosen. */
export async function send(url: string, call: Call = {}): Promise<Answer> {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const options: RequestOptions = {
    host: hostname,
    port,
    path: call.target ?? pathname + search,
    method: call.method ?? "GET",
    headers: { ...call.headers, ...(call.host === undefined ? {} : { host: call.host }) },
    agent: false,
    ...(call.signal === undefined ? {} : { signal: call.signal }),
    ...call.tls,
    // The local edge shows a certificate for its own names; what counts here is that its authority is trusted.
    checkServerIdentity: () => undefined,
  };
  return new Promise((resolve, reject) => {
    const request = (protocol === "https:" ? httpsRequest : httpRequest)(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end(call.body);
  });
}
