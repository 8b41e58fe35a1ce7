import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** What the load sends, and what is expected of a gateway that does the whole job. */
export interface Requests {
  /** Raw HTTP/1.1 requests with a NUL byte between them. */
  readonly text: string;
  /** Share of them that a gateway must deny. */
  readonly denied: number;
}

export interface Issuer {
  readonly jwks: string;
  readonly tokens: readonly string[];
}

const TOKENS = 200;
const PATHS = 1_000;
/** One in 20 asks for what nobody may read. */
const DENIED_EVERY = 20;

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

export type Shape = "get" | "chunked" | "post";

/** 1,000 paths, 200 tokens, 8 request headers (Host not counted), 5 % denied, one in ten premium. */
export function makeRequests(
  { tokens }: Issuer,
  host: string,
  shape: Shape,
  path: (index: number) => string = (index) => `/api/v1/items/${index}`,
): Requests {
  const count = PATHS;
  const requests = Array.from({ length: count }, (_, index) => {
    const denied = index % DENIED_EVERY === DENIED_EVERY - 1;
    const target = denied ? `/api/v1/private/${index}` : shape === "chunked" ? `/api/v1/chunked/${index}` : path(index);
    const body = shape === "post" ? "z".repeat(4_096) : "";
    return [
      `${shape === "post" ? "POST" : "GET"} ${target} HTTP/1.1`,
      `Host: ${host}`,
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
  });
  return { text: requests.join("\0"), denied: 1 / DENIED_EVERY };
}
