import * as http from "node:http";
import * as https from "node:https";
import { makeRequest } from "./certificate-request.ts";
import { type Svid, svidOf } from "./svid.ts";

/** Where control is, and whom to trust there. */
export interface ControlPlace {
  /** Without a slash at its end. */
  readonly server: string;
  /** PEM; null: the authorities that this machine knows. */
  readonly ca: string | null;
}

/** Control's answer was no. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Null: control named no version of what it answered. */
  readonly etag: string | null;
}

/** Each call has its own end: a frozen control holds up nothing. */
const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1_048_576;

/** Control, as programs outside of the platform use it. */
export class MeshControl {
  readonly #place: ControlPlace;
  readonly #agent: http.Agent;

  constructor(place: ControlPlace) {
    this.#place = place;
    this.#agent = place.server.startsWith("https:")
      ? new https.Agent({ keepAlive: true, ...(place.ca !== null && { ca: place.ca }) })
      : new http.Agent({ keepAlive: true });
  }

  close(): void {
    this.#agent.destroy();
  }

  /**
   * Makes a new key, which stays here, and gets its certificate.
   *
   * @throws where there was no answer, or `Refused`
   */
  async enrol(joinToken: string, ttlSeconds: number): Promise<Svid> {
    const { key, csr } = await makeRequest();
    return issued(key, await this.post("/enrol", joinToken, { csr, ttlSeconds }));
  }

  /** @throws as `enrol` */
  async bundle(): Promise<string> {
    return (await this.#must("GET", "/bundle", null)).text;
  }

  /** @param token null: none is needed @returns what came as JSON @throws as `enrol` */
  async post(path: string, token: string | null, body: unknown): Promise<unknown> {
    const { text } = await this.#must("POST", path, token, JSON.stringify(body));
    return text === "" ? null : JSON.parse(text);
  }

  /** @returns the text @throws as `enrol` */
  async get(path: string): Promise<string> {
    return (await this.#must("GET", path, null)).text;
  }

  /**
   * @param etag of what is known; null: nothing is
   * @returns null where that is what there is now
   * @throws as `enrol`
   */
  async getIfChanged(path: string, etag: string | null): Promise<Pick<Answer, "text" | "etag"> | null> {
    const answer = await this.#send("GET", path, null, undefined, etag);
    if (answer.status === 304) return null;
    return told(answer);
  }

  async #must(method: string, path: string, token: string | null, body?: string): Promise<Answer> {
    return told(await this.#send(method, path, token, body));
  }

  async #send(
    method: string,
    path: string,
    token: string | null,
    body: string | undefined,
    etag: string | null = null,
  ): Promise<Answer> {
    const { server } = this.#place;
    const url = `${server}/api/v1${path}`;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const headers = {
      accept: "application/json",
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(etag !== null && { "if-none-match": etag }),
    };
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void =>
        reject(new Error(signal.aborted ? `${server} did not answer in time` : `${server}: ${error.message}`));
      const { request } = url.startsWith("https:") ? https : http;
      const sent = request(url, { agent: this.#agent, method, headers, signal }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > MAX_ANSWER_BYTES) response.destroy(new Error("its answer is too large"));
        });
        response.on("error", failed);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text, etag: response.headers.etag ?? null }),
        );
      });
      sent.on("error", failed);
      sent.end(body);
    });
  }
}

/** @throws `Refused` where control said no */
function told(answer: Answer): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw new Refused(answer.status, `control answered ${answer.status}: ${messageOf(answer.text)}`);
}

/** @param answer that of control to a request for a certificate @throws where it is none */
export function issued(key: string, answer: unknown): Svid {
  const { certificate, bundle } = Object(answer) as { readonly certificate?: unknown; readonly bundle?: unknown };
  if (typeof certificate !== "string" || typeof bundle !== "string")
    throw new Error("control answered what this version does not read; use the `tulle` of control's version");
  return svidOf({ key, certificate, bundle });
}

function messageOf(text: string): string {
  try {
    const { message } = Object(JSON.parse(text)) as { readonly message?: unknown };
    return typeof message === "string" ? message : text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}
