import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as oauth from "oauth4webapi";
import { CommandError } from "./command-error.ts";
import { tell } from "./output.ts";

/** Whom to sign in at, and as which of its clients. */
export interface Provider {
  /** URL. */
  readonly issuer: string;
  readonly clientId: string;
  /** Separated by blanks. */
  readonly scope: string;
}

/** Of the local listener, for whoever looks at the browser afterwards. */
const DONE = "You are signed in, or not: the terminal says so. This page can be closed.\n";

/**
 * An ID token by the authorization code flow with PKCE: whoever signs in does it in a browser on this machine, which comes back
 * to a listener on loopback (RFC 8252 §7.3).
 *
 * @param timeoutMs how long somebody may take for it
 */
export async function idTokenByBrowser(provider: Provider, timeoutMs: number): Promise<string> {
  const at = await discover(provider);
  const { authorization_endpoint: endpoint } = at.server;
  if (endpoint === undefined) throw new CommandError(`${provider.issuer} has no authorization endpoint; try --device`);
  const [state, nonce, verifier] = [
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
    oauth.generateRandomCodeVerifier(),
  ];
  const listener = createServer();
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(0, "127.0.0.1", resolve);
  });
  try {
    const redirect = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/callback`;
    const url = new URL(endpoint);
    const parameters = {
      client_id: provider.clientId,
      redirect_uri: redirect,
      response_type: "code",
      scope: provider.scope,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    tell(`open this in a browser on this machine, and sign in:\n\n  ${url.href}\n`);
    const back = await cameBack(listener, redirect, timeoutMs);
    return await answered(provider, async () => {
      const code = oauth.validateAuthResponse(at.server, at.client, back, state);
      const answer = await oauth.authorizationCodeGrantRequest(
        at.server,
        at.client,
        oauth.None(),
        code,
        redirect,
        verifier,
        at.options,
      );
      return oauth.processAuthorizationCodeResponse(at.server, at.client, answer, {
        expectedNonce: nonce,
        requireIdToken: true,
      });
    });
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
}

/** An ID token by the device flow (RFC 8628): whoever signs in does it in any browser, by a code. */
export async function idTokenByDevice(provider: Provider): Promise<string> {
  const at = await discover(provider);
  if (at.server.device_authorization_endpoint === undefined)
    throw new CommandError(`${provider.issuer} has no device flow; leave --device out`);
  return answered(provider, async () => {
    const begun = await oauth.processDeviceAuthorizationResponse(
      at.server,
      at.client,
      await oauth.deviceAuthorizationRequest(
        at.server,
        at.client,
        oauth.None(),
        { client_id: provider.clientId, scope: provider.scope },
        at.options,
      ),
    );
    tell(`open ${begun.verification_uri_complete ?? begun.verification_uri} and confirm ${begun.user_code}`);
    let pauseMs = (begun.interval ?? 5) * 1_000;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const answer = await oauth.deviceCodeGrantRequest(
        at.server,
        at.client,
        oauth.None(),
        begun.device_code,
        at.options,
      );
      try {
        return await oauth.processDeviceCodeResponse(at.server, at.client, answer);
      } catch (error) {
        const code = error instanceof oauth.ResponseBodyError ? error.error : "";
        if (code === "slow_down") pauseMs += 5_000;
        else if (code !== "authorization_pending") throw error;
      }
    }
  });
}

interface Discovered {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly options: { readonly [oauth.allowInsecureRequests]?: boolean };
}

async function discover({ issuer, clientId }: Provider): Promise<Discovered> {
  const url = new URL(issuer);
  const isLocal = url.protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  const options = isLocal ? { [oauth.allowInsecureRequests]: true } : {};
  try {
    const answer = await oauth.discoveryRequest(url, { ...options, algorithm: "oidc" });
    const server = await oauth.processDiscoveryResponse(url, answer);
    return { server, client: { client_id: clientId, token_endpoint_auth_method: "none" }, options };
  } catch (error) {
    throw new CommandError(`${issuer} is no OpenID provider that can be reached: ${reasonOf(error)}; check --issuer`);
  }
}

async function answered(
  { issuer }: Provider,
  run: () => Promise<{ readonly id_token?: string | undefined }>,
): Promise<string> {
  let answer;
  try {
    answer = await run();
  } catch (error) {
    throw new CommandError(`${issuer} did not sign you in: ${reasonOf(error)}`);
  }
  if (answer.id_token === undefined)
    throw new CommandError(
      `${issuer} sent no ID token; is \`openid\` in --scope, and is the client one of OpenID Connect?`,
    );
  return answer.id_token;
}

function reasonOf(error: unknown): string {
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError)
    return error.error_description === undefined ? error.error : `${error.error} (${error.error_description})`;
  return error instanceof Error ? error.message : String(error);
}

/** The URL that the provider sends the browser to. */
async function cameBack(listener: Server, redirect: string, timeoutMs: number): Promise<URL> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new CommandError(`nobody signed in within ${timeoutMs / 1_000} s; run the command again`)),
      timeoutMs,
    );
    listener.on("request", (request, response) => {
      const url = URL.parse(request.url ?? "", redirect);
      const isCallback = request.method === "GET" && url?.pathname === "/callback";
      response.writeHead(isCallback ? 200 : 404, { "content-type": "text/plain", connection: "close" });
      response.end(isCallback ? DONE : "");
      if (!isCallback || !url) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}
