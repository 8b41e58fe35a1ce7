import { Response } from "miniflare";
import type { AttackIssuer } from "./tokens.ts";

/** All that the mesh may reach by public names: the issuer, and those that stand in for it in single cases. */
export class Outside {
  /** What was asked for, by URL. */
  readonly fetched: string[] = [];
  readonly #issuer: AttackIssuer;

  constructor(issuer: AttackIssuer) {
    this.#issuer = issuer;
  }

  /** @throws where the host refuses connections */
  answer(url: string): Response {
    this.fetched.push(url);
    switch (new URL(url).hostname) {
      case "refusing.issuer.test":
        throw new Error("connection refused");
      case "failing.issuer.test":
        return new Response("no", { status: 500 });
      case "redirecting.issuer.test":
        return new Response(null, { status: 302, headers: { location: "http://127.0.0.1/" } });
      case "second.issuer.test":
        return Response.json(this.#issuer.secondJwks);
      default:
        return Response.json(this.#issuer.jwks);
    }
  }
}
