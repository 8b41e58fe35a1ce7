import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { Provider } from "oidc-provider";

export const CLIENT_ID = "tulle";

/** A real OpenID provider on loopback; its users have any name, and the groups that a test gives them. */
export class SignInProvider {
  readonly issuer: string;
  readonly #server: Server;

  private constructor(issuer: string, server: Server) {
    this.issuer = issuer;
    this.#server = server;
  }

  /** @param groups by the user's name */
  static async start(groups: Readonly<Record<string, readonly string[]>>): Promise<SignInProvider> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = new Provider(issuer, {
      jwks: { keys: [await signingKey()] },
      clients: [
        {
          client_id: CLIENT_ID,
          application_type: "native",
          token_endpoint_auth_method: "none",
          redirect_uris: ["http://127.0.0.1/callback"],
          grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
          response_types: ["code"],
          id_token_signed_response_alg: "ES256",
        },
      ],
      cookies: { keys: ["of-the-test"] },
      claims: { openid: ["sub"], profile: ["groups"] },
      // Claims of the scopes stand in the ID token, as most providers do it.
      conformIdTokenClaims: false,
      features: { deviceFlow: { enabled: true } },
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id, groups: groups[id] ?? [] }),
      }),
    });
    const answer: RequestListener = provider.callback();
    server.on("request", answer);
    return new SignInProvider(issuer, server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** Goes where a person with a browser goes: follows what it is sent to, and fills in the forms that it gets. */
  async visit(start: string, user: string): Promise<string> {
    const cookies = new Map<string, string>();
    let next: { readonly url: string; readonly form?: URLSearchParams } = { url: start };
    for (let step = 0; step < 20; step += 1) {
      const answer = await fetch(next.url, {
        redirect: "manual",
        headers: { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join("; ") },
        ...(next.form && { method: "POST", body: next.form }),
      });
      for (const cookie of answer.headers.getSetCookie()) {
        const [, key = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(key, value);
      }
      const text = await answer.text();
      const location = answer.headers.get("location");
      if (location !== null) {
        next = { url: new URL(location, next.url).href };
        continue;
      }
      const action = /<form[^>]* action="([^"]+)"/.exec(text)?.[1];
      if (action === undefined) return text;
      next = { url: new URL(action.replaceAll("&amp;", "&"), next.url).href, form: filledIn(text, user) };
    }
    throw new Error("the provider sends the browser round and round");
  }
}

function filledIn(page: string, user: string): URLSearchParams {
  const form = new URLSearchParams();
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]+)"/.exec(input)?.[1];
    if (name !== undefined) form.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? user);
  }
  return form;
}

async function signingKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: crypto.randomUUID() };
}
