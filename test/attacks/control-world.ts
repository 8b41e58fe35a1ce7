import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { RunningControl } from "../control/running.ts";
import { type AttackRequest, expanded, timed } from "./corpus.ts";
import { demandEqual } from "./outcome.ts";
import type { Reply } from "./raw-answer.ts";
import { BASE } from "./worlds.ts";

export const POLICIES = "/k8s/apis/security.istio.io/v1/authorizationpolicies";
export const policiesIn = (namespace: string): string =>
  POLICIES.replace("/authorization", `/namespaces/${namespace}/authorization`);

export const POLICY = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "x", namespace: "prod" },
  spec: { action: "DENY", rules: [{ to: [{ operation: { paths: ["/admin"] } }] }] },
};

export type Credentials = Readonly<Record<string, string>>;

export const bearer = (token: string): Credentials => ({ authorization: `Bearer ${token}` });

/** The corpus's spelling of a path, in this project's. What has no counterpart is a path that must not be there. */
function mapped(target: string): string {
  return target
    .replace(/^\/v1\/policies\/([^/?]+)\//, "/k8s/apis/security.istio.io/v1/namespaces/$1/authorizationpolicies/")
    .replace(/^\/v1\/policies(?=[/?]|$)/, POLICIES)
    .replace(/^(\/{1,2})v1\/%70olicies/, `$1${POLICIES.slice(1).replace("/authorization", "/%61uthorization")}`)
    .replace(/^\/\/v1\/policies/, `/${POLICIES}`)
    .replace(/^\/V1\/policies/, POLICIES.replace("/k8s", "/K8S"))
    .replace(/^\/v1\/health(;?\/\.\.)\/policies/, `/healthz$1${POLICIES}`)
    .replace(/^\/public\/(\.\.%2f)v1\/policies/i, `/healthz/$1${POLICIES.slice(1)}`)
    .replace(/^\/v1\/health/, "/healthz")
    .replace(/^\/v1\//, "/api/v1/")
    .replace("?namespace=", "?fieldSelector=metadata.namespace%3D")
    .replace("?sort=", "?limit=")
    .replace("?label=", "?labelSelector=")
    .replace("?cursor=", "?continue=")
    .replace("dryRun=true", "dryRun=All");
}

/** Bodies that a case names instead of writing them. */
const BODIES: Readonly<Record<string, () => string>> = {
  policy: () => JSON.stringify(POLICY),
  ok: () => JSON.stringify(POLICY),
  nest: () => `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  "1e400": () => JSON.stringify(POLICY).replace('"action"', '"priority":1e400,"action"'),
  surrogate: () => JSON.stringify(POLICY).replace('"name"', '"annotations":{"a":"\\ud800"},"name"'),
  dupkeys: () => JSON.stringify(POLICY).replace('"action":"DENY"', '"action":"DENY","action":"ALLOW"'),
  "20-docs": () => twentyDocuments(),
};

/** The thirteenth is wrong. */
function twentyDocuments(): string {
  return Array.from({ length: 20 }, (_, at) =>
    JSON.stringify({
      ...POLICY,
      metadata: { name: `d${at}`, namespace: "prod" },
      spec: { ...POLICY.spec, ...(at === 12 && { action: "MAYBE" }) },
    }),
  ).join("\n---\n");
}

/** A control Worker with a few objects, who may ask it, and how the corpus does. */
export class ControlWorld {
  readonly control: RunningControl;
  /** An administrator's. */
  readonly good: string;

  private constructor(control: RunningControl, good: string) {
    this.control = control;
    this.good = good;
  }

  static async start(): Promise<ControlWorld> {
    const control = await RunningControl.start({ trustDomain: "mesh.example" });
    const objects = [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "prod" } },
      { ...POLICY, metadata: { name: "secret-of-prod", namespace: "prod" } },
      { ...POLICY, metadata: { name: "of-dev", namespace: "dev" } },
      { ...POLICY, metadata: { name: "of-dev-2", namespace: "dev" } },
    ];
    const text = [BASE, ...objects.map((object) => JSON.stringify(object))].join("\n---\n");
    const applied = await control.apply(text);
    if (applied.status !== 200) throw new Error(`what all cases share is refused: ${JSON.stringify(applied.json)}`);
    const made = await control.call("POST", "/api/v1/tokens", { name: "attack", role: "admin" });
    return new ControlWorld(control, String(made.json["token"]));
  }

  async stop(): Promise<void> {
    await this.control.stop();
  }

  /** What stands in braces, as credentials that were made for it. */
  async placeholders(requests: readonly AttackRequest[]): Promise<(text: string) => string> {
    const whole = JSON.stringify(requests);
    const ended = whole.includes("{expired}") ? await this.#ended() : "";
    const gone = whole.includes("{revoked}") ? await this.#revoked() : "";
    const cursor = encodeURIComponent(btoa(JSON.stringify(["prod", "", 1])));
    return (text) =>
      timed(text)
        .replaceAll("{good-1char}", this.good.slice(0, -1))
        .replaceAll("{good}", this.good)
        .replaceAll("{expired}", ended)
        .replaceAll("{revoked}", gone)
        .replaceAll("{cursor-of-other-tenant}", cursor);
  }

  /** A token of this role. */
  async token(role: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await this.control.call("POST", "/api/v1/tokens", { name: "attack", role, ...more });
    demandEqual("the status of a new token", answer.status, 201, JSON.stringify(answer.json));
    return String(answer.json["token"]);
  }

  async #revoked(): Promise<string> {
    const { json } = await this.control.call("POST", "/api/v1/tokens", { name: "attack", role: "admin" });
    const gone = await this.control.call("DELETE", `/api/v1/tokens/${json["id"]}`);
    demandEqual("the status of a revocation", gone.status, 204, "");
    return String(json["token"]);
  }

  async #ended(): Promise<string> {
    const body = { name: "attack", role: "admin", ttlSeconds: 60 };
    const { json } = await this.control.call("POST", "/api/v1/tokens", body);
    await this.control.sql(`UPDATE tokens SET expires_at = ${Date.now() - 1} WHERE id = '${json["id"]}'`);
    return String(json["token"]);
  }

  /** A request of the corpus, with these credentials unless it brings its own. */
  async attack(
    { method = "GET", target = "/", host, headers = [], body }: AttackRequest,
    credentials: Credentials,
    fill: (text: string) => string = (text) => text,
  ): Promise<Reply> {
    const own = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), fill(expanded(value))]));
    const text = body === undefined ? undefined : (BODIES[body]?.() ?? fill(expanded(body)));
    const isJson = text?.startsWith("{") === true && !text.includes("\n---\n");
    const type = text === undefined ? {} : { "content-type": isJson ? "application/json" : "application/yaml" };
    const sent = { ...type, ...credentials, ...own, ...(host !== undefined && { host }) };
    return this.send(method, mapped(fill(expanded(target))), sent, text);
  }

  /** Sent as it stands: nothing resolves dots or sets another host. */
  async send(method: string, path: string, headers: Credentials = {}, body?: string): Promise<Reply> {
    const { hostname, port } = await this.control.url();
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const request = httpRequest({ hostname, port, method, path, headers }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        const told = (): void => {
          const fields = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
          const shown = Object.fromEntries(fields) as Record<string, string>;
          resolve({ status: answer.statusCode ?? 0, headers: shown, body: text, ms: performance.now() - startedAt });
        };
        answer.on("end", told);
        answer.on("data", (part: string) => {
          text += part;
          // It goes on until its reader leaves: its beginning is its answer.
          if (answer.headers["content-type"] !== "text/event-stream") return;
          told();
          answer.destroy();
        });
      });
      request.on("error", reject);
      request.end(body);
    });
  }
}

export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");
