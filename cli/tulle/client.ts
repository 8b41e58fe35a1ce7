import * as http from "node:http";
import * as https from "node:https";
import { z } from "zod";
import { VERSION } from "../../project/built.ts";
import { CommandError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { readTarget, type Target } from "./target.ts";

export interface Call {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Below `below`. */
  readonly path: string;
  /** Absent: `/api/v1`. */
  readonly below?: "/k8s/apis" | "/k8s/api";
  /** Those that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** JSON. */
  readonly body?: string;
  readonly ifMatch?: string | undefined;
  /** In place of the target's token; null: none is needed. */
  readonly bearer?: string | null;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Epoch ms by the clock of the one that answered, where it says so. */
  readonly at: number;
}

/** Control, as one command talks to it. */
export interface Client {
  readonly target: Target;
  /** @returns whatever was answered; throws where nothing was */
  send(call: Call): Promise<Answer>;
  /** @returns pieces of an answer that goes on; throws where it is refused, or breaks off */
  stream(call: Call): Promise<AsyncIterable<string>>;
}

/** Nothing came back: what was asked for may have been done all the same. */
export class NoAnswer extends CommandError {}

export function connect(options: GlobalOptions): Client {
  const target = readTarget(options, process.env);
  const agent = target.server.startsWith("https:")
    ? new https.Agent({
        keepAlive: true,
        rejectUnauthorized: !target.insecure,
        ...(target.ca !== null && { ca: target.ca }),
      })
    : new http.Agent({ keepAlive: true });
  return {
    target,
    send: async (call) => send(target, agent, options.timeout, call),
    stream: async (call) => stream(target, agent, options.timeout, call),
  };
}

/**
 * Sends a call that must succeed.
 *
 * @param reword what to say of a refusal that this call knows more about than its Status says; null: nothing more
 * @returns the answer as `schema` reads it, and when it was given
 */
export async function ask<T>(
  client: Client,
  call: Call,
  schema: z.ZodType<T>,
  reword: (answer: Answer) => CommandError | null = () => null,
): Promise<{ readonly value: T; readonly at: number }> {
  const answer = await client.send(call);
  if (answer.status < 200 || answer.status > 299) throw reword(answer) ?? refusalOf(client.target, call, answer);
  const parsed = schema.safeParse(answer.text === "" ? null : jsonOf(answer.text));
  if (parsed.success) return { value: parsed.data, at: answer.at };
  const [issue] = parsed.error.issues;
  throw new CommandError(
    `${client.target.server}${placeOf(call)} answered what this version does not read (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}); use the \`tulle\` of control's version`,
  );
}

/** The pages of a list, one after the other: the next one is asked for when it is wanted. */
export async function* pagesOf<T extends { readonly continue: string | null }>(
  client: Client,
  call: Call,
  schema: z.ZodType<T>,
): AsyncGenerator<{ readonly value: T; readonly at: number }> {
  for (let from: string | null | undefined; from !== null;) {
    const query = { ...call.query, ...(from !== undefined && { continue: from }) };
    const page: { readonly value: T; readonly at: number } = await ask(client, { ...call, query }, schema);
    yield page;
    from = page.value.continue;
  }
}

function placeOf({ below, path }: Call): string {
  return `${below ?? "/api/v1"}${path}`;
}

async function send(target: Target, agent: http.Agent, timeoutMs: number, call: Call): Promise<Answer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { response, failed } = await begin(target, agent, call, signal, timeoutMs);
  return answerOf(response, failed);
}

async function answerOf(response: http.IncomingMessage, failed: (error: Error) => NoAnswer): Promise<Answer> {
  try {
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    const date = Date.parse(response.headers.date ?? "");
    return { status: response.statusCode ?? 0, text, at: Number.isNaN(date) ? Date.now() : date };
  } catch (error) {
    throw failed(error as Error);
  }
}

async function stream(
  target: Target,
  agent: http.Agent,
  timeoutMs: number,
  call: Call,
): Promise<AsyncIterable<string>> {
  // Only the beginning has a bound: what follows comes when it comes.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const { response, failed } = await begin(target, agent, call, late.signal, timeoutMs);
    if (response.statusCode !== 200) throw refusalOf(target, call, await answerOf(response, failed));
    return pieces(response, failed);
  } finally {
    // Else the command would live on until then.
    clearTimeout(timer);
  }
}

async function* pieces(
  response: http.IncomingMessage,
  failed: (error: Error) => NoAnswer,
): AsyncGenerator<string, void, void> {
  try {
    for await (const chunk of response.setEncoding("utf8")) yield String(chunk);
  } catch (error) {
    throw failed(error as Error);
  }
}

/** Until the answer's head is there. */
async function begin(
  target: Target,
  agent: http.Agent,
  call: Call,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<{ readonly response: http.IncomingMessage; readonly failed: (error: Error) => NoAnswer }> {
  const url = new URL(`${target.server}${placeOf(call)}`);
  for (const [name, value] of Object.entries(call.query ?? {}))
    if (value !== undefined) url.searchParams.set(name, value);
  const token = call.bearer === undefined ? target.token : call.bearer;
  if (token === null && call.bearer === undefined)
    throw new CommandError(`${target.source} names no token; give --token-file, or a kubeconfig whose user has one`);
  const options: https.RequestOptions = {
    agent,
    signal,
    method: call.method ?? "GET",
    headers: {
      accept: "application/json",
      "user-agent": `tulle/${VERSION}`,
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(call.body !== undefined && { "content-type": "application/json" }),
      ...(call.ifMatch !== undefined && { "if-match": call.ifMatch }),
    },
  };
  const failed = (error: Error): NoAnswer =>
    new NoAnswer(
      signal.aborted
        ? `${target.server} did not answer within ${timeoutMs / 1_000} s; look at its log, or wait longer with --timeout`
        : describeFailure(error, target, url),
    );
  return new Promise((resolve, reject) => {
    const client = url.protocol === "https:" ? https : http;
    const request = client.request(url.href, options, (response) => resolve({ response, failed }));
    request.on("error", (error) => reject(failed(error)));
    request.end(call.body);
  });
}

/** Why there was no answer, and what to do about it. */
function describeFailure(error: Error, { source }: Target, { host, hostname, protocol }: URL): string {
  const code = "code" in error ? String(error.code) : "";
  switch (code) {
    case "ECONNREFUSED":
      return `nothing listens at ${host}; is \`tulle dev\` running, and is that the port it printed? (from ${source})`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `there is no address for \`${hostname}\`; check the server's name in ${source}`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return `${host} cannot be reached from here; check the network, and the server's name in ${source}`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "CERT_SIGNATURE_FAILURE":
      return `the certificate of ${host} is from an authority that is not trusted; give its certificate with --ca-file, or take a fresh kubeconfig: \`tulle dev\` writes both to its state folder`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate of ${host} is for another name; use the name that it was made for as the server in ${source}`;
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return `the certificate of ${host} is not valid now; renew it, or check this machine's clock`;
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return `${host} does not speak TLS as it should; is it the port for https? (from ${source})`;
    case "ECONNRESET":
    case "EPIPE":
      return `${host} closed the connection without an answer; ${protocol === "http:" ? "is it the port for http? " : ""}if it is, run the command again`;
    default:
      return `${host}: ${code === "" || error.message.includes(code) ? error.message : `${code}: ${error.message}`}`;
  }
}

const Status = z.object({
  kind: z.literal("Status"),
  message: z.string(),
  details: z
    .object({ causes: z.array(z.object({ field: z.string().default(""), message: z.string() })).optional() })
    .optional(),
});

/** What a refusal says, with what to do about it. */
function refusalOf(target: Target, call: Call, { status, text }: Answer): CommandError {
  const parsed = Status.safeParse(jsonOf(text));
  if (!parsed.success)
    return new CommandError(
      `${target.server}${placeOf(call)} answered ${status}, and not as control does; is it the server of a mesh? (from ${target.source})`,
    );
  const { message, details } = parsed.data;
  // With a token of its own a call says itself what is wrong with it.
  if (status === 401 && call.bearer === undefined)
    return new CommandError(
      `control does not know the token of ${target.tokenSource}: it is wrong, expired or revoked; ${target.tokenSource === target.source ? "take the kubeconfig that `tulle dev` writes" : `name another file, or leave --token-file out`}, or have an administrator run \`tulle token create\``,
    );
  if (status === 403) return new CommandError(`forbidden: ${message}`);
  if (status === 503) return new CommandError(`control is not available: ${message}`);
  const causes = details?.causes ?? [];
  if (causes.length === 0) return new CommandError(message);
  const told = causes.map((cause) => `  ${cause.field === "" ? "" : `${cause.field}: `}${cause.message}`);
  return new CommandError([message, ...told.filter((line) => !message.includes(line.trim()))].join("\n"));
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
