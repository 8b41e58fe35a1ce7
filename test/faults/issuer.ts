import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { importJWK, type JWK, SignJWT } from "jose";
import { IdentityProvider } from "../support/identity-provider.ts";

/** What the place of an issuer's keys does when it is asked. */
export type Answers = "well" | "not" | "late" | "HTML" | "10 MB";

const LATE_MS = 3_000;

/** An issuer of tokens: its keys are at a URL of loopback, which behaves as badly as it is told. */
export class Issuer {
  readonly name: string;
  readonly uri: string;
  answers: Answers = "well";
  /** When its keys were asked for, ms. */
  readonly fetches: number[] = [];
  #keys: readonly JWK[] = [IdentityProvider.newKey("first")];

  constructor(name: string, base: string) {
    this.name = `${base}/${name}`;
    this.uri = `${base}/${name}/keys`;
  }

  /** Signs with a new key from now on; tokens of those before count on. */
  rotate(): void {
    this.#keys = [IdentityProvider.newKey("next"), ...this.#keys];
  }

  /** How often they were within some time, at most. */
  mostWithin(ms: number): number {
    const counts = this.fetches.map((from) => this.fetches.filter((at) => at >= from && at < from + ms).length);
    return Math.max(0, ...counts);
  }

  async token(): Promise<string> {
    return this.#signed(this.#keys[0] as JWK, this.#keys[0]?.kid ?? "");
  }

  /** By a key that nobody has published. */
  async forged(): Promise<string> {
    return this.#signed(IdentityProvider.newKey("first"), randomUUID());
  }

  async #signed(key: JWK, kid: string): Promise<string> {
    return new SignJWT({ sub: "somebody" })
      .setProtectedHeader({ alg: "ES256", kid })
      .setIssuer(this.name)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(await importJWK(key, "ES256"));
  }

  take(response: ServerResponse): void {
    this.fetches.push(performance.now());
    const published = this.#keys.map((key) => {
      const { d: _, ...open } = key;
      return open;
    });
    const tell = (type: string, body: string): void => void response.setHeader("content-type", type).end(body);
    switch (this.answers) {
      case "well":
        return tell("application/json", JSON.stringify({ keys: published }));
      case "not":
        return void response.destroy();
      case "late":
        return void setTimeout(() => tell("application/json", JSON.stringify({ keys: published })), LATE_MS).unref();
      case "HTML":
        return tell("text/html", "<html>Sign in</html>");
      case "10 MB":
        return tell("application/json", JSON.stringify({ keys: published, more: "x".repeat(10_000_000) }));
    }
  }
}

/** Where issuers publish. */
export class Issuers {
  readonly #server: Server;
  readonly #all = new Map<string, Issuer>();

  private constructor() {
    this.#server = createServer((request, response) => {
      response.on("error", () => undefined);
      const issuer = this.#all.get(request.url ?? "");
      if (issuer === undefined) response.writeHead(404).end();
      else issuer.take(response);
    });
  }

  static async start(): Promise<Issuers> {
    const issuers = new Issuers();
    issuers.#server.listen(0, "127.0.0.1");
    await once(issuers.#server, "listening");
    return issuers;
  }

  make(name: string): Issuer {
    const issuer = new Issuer(name, `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
    this.#all.set(`/${name}/keys`, issuer);
    return issuer;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
