import "reflect-metadata";
import { ECDH, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { X509Certificate as Certificate } from "@peculiar/x509";
import type { Json, RunningControl } from "../control/running.ts";
import { certificateRequest, der } from "../support/csr.ts";
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

/** A public key as others spell it: what of a curve is a point may be compressed (SEC 1 §2.3.3). */
export function compressed({ publicKey }: Pair): Buffer {
  const spki = publicKey.export({ format: "der", type: "spki" });
  const point = ECDH.convertKey(spki.subarray(-65), "prime256v1", undefined, undefined, "compressed") as Buffer;
  const algorithm = Buffer.from("301306072a8648ce3d020106082a8648ce3d030107", "hex");
  return der(0x30, Buffer.concat([algorithm, der(0x03, Buffer.concat([Buffer.from([0]), point]))]));
}

/** What no workload may have, as wishes of a request: an authority's place, each purpose, other names, what nobody knows, and twice the same. */
export const WISHES: readonly Buffer[] = [
  "300f0603551d130101ff040530030101ff",
  "300e0603551d0f0101ff0404030201fe",
  "300d0603551d250406300406022a03",
  "30140603551d11040d300b820961646d696e2e746573",
  "30140603551d11040d300b820961646d696e2e746573",
  "300c06032a03040101ff04020500",
].map((hex) => Buffer.from(hex, "hex"));

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

/** A request of these bytes. */
export function pem(der: Buffer): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
}

/** By their object identifiers. */
export function extensionsOf(leaf: X509Certificate): readonly string[] {
  return new Certificate(leaf.raw).extensions.map(({ type }) => type);
}
