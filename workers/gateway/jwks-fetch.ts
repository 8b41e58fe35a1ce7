import type { JwtRule, KeyDiscovery } from "../../src/snapshot/model.ts";

/** Where a rule's keys are, if not in the rule itself. */
export type KeySource = Exclude<JwtRule["keys"], { readonly kind: "inline" }>;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

interface Options {
  readonly fetch: Fetch;
  /** Whether plain http to loopback is allowed, as only in the local mesh. */
  readonly local: boolean;
  /** For discovery and keys together. */
  readonly timeoutMs: number;
}

interface Found {
  /** The key set's document; null where none was had. */
  readonly text: string | null;
  /** Where the issuer says that its keys are; null where it was not asked, or said nothing that counts. */
  readonly discovered: string | null;
}

const MAX_BYTES = 256 * 1024;

/**
 * Fetches a key set, by OpenID discovery where the rule names no place.
 *
 * @param known what discovery said before; null: the issuer is asked anew
 */
export async function fetchKeySet(source: KeySource, known: string | null, options: Options): Promise<Found> {
  const read = reader(options);
  if (source.kind === "remote") return { text: await read(source.uri), discovered: null };
  const discovered = known ?? jwksUri(await read(source.uri), source, options.local);
  return { text: discovered === null ? null : await read(discovered), discovered };
}

function reader({ fetch, local, timeoutMs }: Options): (uri: string) => Promise<string | null> {
  const init = {
    redirect: "manual" as const,
    signal: AbortSignal.timeout(timeoutMs),
    headers: { accept: "application/json" },
  };
  return async (uri) => {
    if (!mayFetch(uri, local)) return null;
    try {
      const response = await fetch(uri, init);
      if (response.status === 200) return await boundedText(response);
      await response.body?.cancel();
      return null;
    } catch {
      // Away: the last good set serves until it is too old.
      return null;
    }
  };
}

/**
 * What an issuer's document says of its keys (OpenID Connect Discovery 1.0 §4.3): it must be about the very issuer, and lead to
 * a host that the mesh's administrator allows (R20), or one issuer could send gateways anywhere.
 */
function jwksUri(text: string | null, { issuer, hosts }: KeyDiscovery, local: boolean): string | null {
  const document = text === null ? null : parsed(text);
  const uri = document?.["jwks_uri"];
  if (document?.["issuer"] !== issuer || typeof uri !== "string") return null;
  const url = URL.parse(uri);
  if (url === null || url.hash !== "") return null;
  if (local && url.protocol === "http:") return mayFetch(uri, local) ? uri : null;
  return url.protocol === "https:" && url.port === "" && isAllowed(url.hostname, hosts) ? uri : null;
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isAllowed(host: string, hosts: readonly string[]): boolean {
  return hosts.some((one) => one === host || (one.startsWith("*.") && host.endsWith(one.slice(1))));
}

/** The last line of defence: control has checked the URL against the mesh's egress list. */
function mayFetch(uri: string, local: boolean): boolean {
  const url = URL.parse(uri);
  if (url === null || url.username !== "" || url.password !== "") return false;
  const loopback = url.hostname === "localhost" || url.hostname === "127.0.0.1" || url.hostname === "[::1]";
  return url.protocol === "https:" || (local && loopback && url.protocol === "http:");
}

async function boundedText(response: Response): Promise<string | null> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let bytes = 0;
  let text = "";
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
