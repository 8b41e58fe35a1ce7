import type { Answer } from "../../src/decide/answers.ts";
import type { Peer } from "../../src/identity/peer.ts";
import type { Entrance } from "../../src/request/entrance.ts";
import { isBodyless, isZero } from "../../src/request/headers.ts";
import { type AccountScopes, type Place, placesOf } from "../../src/request/places.ts";
import type { Incoming, Received } from "../../src/request/receive.ts";
import type { ClientTls } from "../../src/identity/client-tls.ts";
import { changeAnswer } from "./answer.ts";
import { Call } from "./call.ts";
import type { Context, End } from "./lease.ts";
import type { Mesh } from "./mesh.ts";

const utf8 = new TextEncoder();

/** The runtime makes an empty one of a length of 0, which no GET could carry on. */
function isNone(body: unknown, method: string, headers: Headers): boolean {
  return body !== null && isBodyless(method) && isZero(headers.get("content-length") ?? "");
}

/** A request under way: its answers are responses. */
export class HttpCall extends Call<Response> implements Incoming {
  readonly request: Request;
  // Of the request: to ask it costs, each time.
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  /** Of a GET or HEAD that comes in chunks step 1 finds out whether there is any. */
  body: ReadableStream<Uint8Array> | null;
  /** Step 1. */
  received!: Received;
  /** What its caller decided about its trace; null: nothing. */
  decision: boolean | null = null;
  /** After step 3: what the Gateway asks of the client's TLS. */
  tls: ClientTls | null = null;
  /** The body, where it was kept to be sent more than once; null: it goes on as it comes, once. */
  kept: Uint8Array | null = null;

  constructor(request: Request, entrance: Entrance, ctx: Context, mesh: Mesh, onEnd: (call: Call, end: End) => void) {
    const { url, method, headers, body, signal } = request;
    super({ entrance, mesh, protocol: "http", method, ctx, signal }, onEnd);
    this.request = request;
    this.url = url;
    this.method = method;
    this.headers = headers;
    this.body = isNone(body, method, headers) ? null : body;
  }

  override places(peer: Peer, accounts: AccountScopes): readonly Place[] {
    return placesOf(this.received, this.entrance, peer, accounts);
  }

  override answer(answer: Answer): Response {
    this.tellOf(answer);
    const { journal } = this;
    const { status, body } = answer;
    const bytes = typeof body === "string" ? utf8.encode(body) : body;
    journal.bytes = bytes.length;
    const headers = new Headers();
    for (const [name, value] of answer.headers) headers.append(name, value);
    if (this.cors.length > 0) changeAnswer(headers, status, this.cors);
    if (!headers.has("x-request-id")) headers.set("x-request-id", journal.requestId);
    if (bytes.length > 0 && !headers.has("content-type")) headers.set("content-type", "text/plain");
    this.lease.end("ok");
    // As it stands: by default the runtime would pack a body whose headers name a coding.
    return new Response(bytes.length === 0 ? null : bytes, { status, headers, encodeBody: "manual" });
  }

  override gone(): Response {
    this.lease.end("DC");
    return new Response(null, { status: 499 });
  }
}
