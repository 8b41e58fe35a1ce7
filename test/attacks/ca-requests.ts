import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import type { Json, RunningControl } from "../control/running.ts";
import { certificateRequest } from "../support/csr.ts";
import { demandEqual } from "./outcome.ts";

export interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface Answer {
  readonly status: number;
  readonly json: Json;
}

interface Wish {
  readonly token?: string;
  readonly ttlSeconds?: number;
}

export const p256 = (): Pair => generateKeyPairSync("ec", { namedCurve: "P-256" });

export const requestOf = ({ privateKey, publicKey }: Pair, uris?: readonly string[]): string =>
  certificateRequest(privateKey, publicKey, uris);

export async function enrol(control: RunningControl, csr: string, wish: Wish = {}): Promise<Answer> {
  const { token = await joinToken(control), ...more } = wish;
  return control.call("POST", "/api/v1/enrol", { csr, ...more }, { token });
}

export async function joinToken(
  control: RunningControl,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const wanted = { namespace: "prod", serviceAccount: "web", ...more };
  const answer = await control.call("POST", "/api/v1/join-tokens", wanted);
  demandEqual("the status of a new join token", answer.status, 201, JSON.stringify(answer.json));
  return String(answer.json["token"]);
}

/** The certificate that a good request got. */
export function leafOf({ status, json }: Answer): X509Certificate {
  demandEqual("the status of a good request", status, 201, JSON.stringify(json));
  return new X509Certificate(String(json["certificate"]));
}
