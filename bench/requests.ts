import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Prepared } from "./load.ts";

export interface Issuer {
  readonly jwks: string;
  readonly tokens: readonly string[];
}

const TOKENS = 200;
const PATHS = 1_000;
/** One in 20 asks for what nobody may read. */
const DENIED_EVERY = 20;
const POST_BYTES = 4_096;
const SMALL_BYTES = 1_024;
const CHUNKED_BYTES = 102_400;

/** An issuer with one ES256 key and 200 callers. */
export async function makeIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  const tokens = await Promise.all(
    Array.from({ length: TOKENS }, (_, index) =>
      new SignJWT({ scope: "items.read items.list", tier: index % 10 === 0 ? "premium" : "basic" })
        .setProtectedHeader({ alg: "ES256", kid: "bench" })
        .setIssuer("https://issuer.bench")
        .setSubject(`caller-${index}`)
        .setAudience("items")
        .setIssuedAt()
        .setExpirationTime("6h")
        .sign(privateKey),
    ),
  );
  return { jwks: JSON.stringify({ keys: [jwk] }), tokens };
}

/**
 * get: an answer of 1 KB with its length; unknown: without; chunked: 100 KB without; post: 4 KB there, 1 KB back;
 * deep: paths that the 10,000 routes tell apart.
 */
export type Shape = "get" | "unknown" | "chunked" | "post" | "deep";

const PATH_OF: Readonly<Record<Shape, (index: number) => string>> = {
  get: (index) => `/api/v1/items/${index}`,
  unknown: (index) => `/api/v1/unknown/${index}`,
  chunked: (index) => `/api/v1/chunked/${index}`,
  post: (index) => `/api/v1/items/${index}`,
  deep: (index) => `/api/v1/items/${index * 4}/x`,
};

/**
 * 1,000 paths, 200 tokens, 8 request headers (Host not counted), 5 % denied, one in ten premium.
 *
 * @param host `*` stands for a name of its own for each path
 * @param judged whether the contestant reads tokens; a bare one lets all through
 */
export function makeRequests({ tokens }: Issuer, host: string, shape: Shape, judged: boolean): readonly Prepared[] {
  return Array.from({ length: PATHS }, (_, index) => {
    const denied = index % DENIED_EVERY === DENIED_EVERY - 1;
    const body = shape === "post" ? "z".repeat(POST_BYTES) : "";
    const text = [
      `${shape === "post" ? "POST" : "GET"} ${denied ? `/api/v1/private/${index}` : PATH_OF[shape](index)} HTTP/1.1`,
      `Host: ${host.replace("*", `h${index}`)}`,
      `Authorization: Bearer ${tokens[index % tokens.length]}`,
      "User-Agent: bench/1",
      "Accept: application/json",
      "Accept-Language: en",
      "Accept-Encoding: identity",
      `X-Tier: ${index % 10 === 0 ? "premium" : "basic"}`,
      `Traceparent: 00-${index.toString(16).padStart(32, "1")}-${index.toString(16).padStart(16, "1")}-01`,
      `Cookie: session=${index}`,
      ...(shape === "post" ? ["Content-Type: text/plain", `Content-Length: ${body.length}`] : []),
      "",
      body,
    ].join("\r\n");
    if (denied && judged) return { text, status: 403, bytes: null };
    return { text, status: 200, bytes: shape === "chunked" && !denied ? CHUNKED_BYTES : SMALL_BYTES };
  });
}
