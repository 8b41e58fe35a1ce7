import { generateKeyPairSync } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { JWK } from "jose";
import { Provider } from "oidc-provider";

const CLIENT = { id: "load", secret: "not-a-secret" };

/** A real OpenID provider on loopback: it signs access tokens, can be given other keys, go away and come back. */
export class IdentityProvider {
  readonly issuer: string;
  /** When its keys were asked for, epoch ms. */
  readonly keyFetches: number[] = [];
  readonly #port: number;
  #keys: readonly JWK[] = [];
  #answer: RequestListener = () => undefined;
  #server: Server | null = null;

  constructor(port: number) {
    this.#port = port;
    this.issuer = `http://127.0.0.1:${port}`;
  }

  static newKey(kid: string): JWK {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { ...privateKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" };
  }

  /** @param keys private ones; the first signs, all are published */
  use(...keys: readonly JWK[]): void {
    this.#keys = keys;
    const provider = new Provider(this.issuer, configuration(keys));
    this.#answer = provider.callback();
  }

  get keys(): readonly JWK[] {
    return this.#keys;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.url === "/jwks") this.keyFetches.push(Date.now());
      this.#answer(request, response);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(this.#port, "127.0.0.1", resolve);
    });
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }

  /** An access token by the client credentials grant (RFC 6749 §4.4), as a JWT (RFC 9068). */
  async token(): Promise<string> {
    const response = await fetch(`${this.issuer}/token`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${btoa(`${CLIENT.id}:${CLIENT.secret}`)}`,
      },
      body: "grant_type=client_credentials",
    });
    const { access_token: token } = (await response.json()) as { readonly access_token?: string };
    if (token === undefined) throw new Error(`no token: ${response.status}`);
    return token;
  }
}

function configuration(keys: readonly JWK[]): unknown {
  const server = {
    scope: "read",
    audience: "api",
    accessTokenFormat: "jwt",
    accessTokenTTL: 3_600,
    jwt: { sign: { alg: "ES256" } },
  };
  return {
    jwks: { keys },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    ttl: { ClientCredentials: 3_600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:api",
        getResourceServerInfo: () => server,
      },
    },
  };
}
