import { Response } from "miniflare";
import type { AttackIssuer } from "./tokens.ts";

/** What a host of the outside world answers; it throws where the connection is refused. */
export type OutsideHost = (url: URL, nth: number) => Response | Promise<Response>;

/** Stands for the service that copies of a case go to: an address is one namespace's. */
export const mirrorHost = (index: number): string => `mirror-${index}.issuer.test`;
const MIRROR = /^mirror-\d+\.issuer\.test$/;

export const refusing: OutsideHost = () => {
  throw new Error("connection refused");
};

/** All that the mesh may reach by public names: the issuer, and those that stand in for it in single cases. */
export class Outside {
  /** What was asked for, by URL. */
  readonly fetched: string[] = [];
  /** Header fields of the copies that came. */
  readonly mirrored: Readonly<Record<string, string>>[] = [];
  readonly #issuer: AttackIssuer;
  readonly #hosts = new Map<string, OutsideHost>();
  readonly #asked = new Map<string, number>();

  constructor(issuer: AttackIssuer) {
    this.#issuer = issuer;
  }

  /** From now on this host answers so. */
  set(host: string, answers: OutsideHost): void {
    this.#hosts.set(host, answers);
  }

  /** @throws where the host refuses connections */
  async answer(text: string, headers: Iterable<readonly [string, string]>): Promise<Response> {
    const url = new URL(text);
    if (MIRROR.test(url.hostname)) {
      this.mirrored.push(Object.fromEntries(headers));
      return new Response("ok");
    }
    this.fetched.push(text);
    const nth = (this.#asked.get(url.hostname) ?? 0) + 1;
    this.#asked.set(url.hostname, nth);
    const host = this.#hosts.get(url.hostname);
    return host === undefined ? Response.json(this.#issuer.jwks()) : host(url, nth);
  }
}
