import { err, ok, type Result } from "../src/result.ts";

/** Calls of the edge to control's own socket. Each has its own timeout: a frozen control holds up nothing. */
export interface ControlClient {
  /** Whether control answers. */
  isUp(): Promise<boolean>;
  /** @returns an administrator's token, made by the bootstrap secret */
  bootstrap(secret: string): Promise<string>;
  /** @returns whether the token is known */
  knows(token: string): Promise<boolean>;
  /** @returns a code that signs a browser in, once, within a minute */
  signInCode(token: string): Promise<string>;
  /** @returns PEM of the mesh's authority */
  bundle(): Promise<string>;
  /** @returns PEM of the authorities of those that the mesh federates with */
  federated(token: string): Promise<string>;
  /** @throws with what was refused, and why */
  apply(token: string, yaml: string): Promise<void>;
  /** Stores all of them or none. @throws where it does not answer */
  applyDocuments(token: string, documents: readonly unknown[]): Promise<Result<readonly AppliedObject[], Refused>>;
  /** @param path of an object, from `/k8s/` on; one that is gone already is no failure */
  remove(token: string, path: string): Promise<void>;
  gateways(token: string): Promise<readonly GatewayObject[]>;
  listening(token: string, namespace: string, name: string, body: Listening): Promise<void>;
}

/** An object that was stored. */
interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly warnings?: readonly string[];
}

interface Refused {
  readonly message: string;
  /** Of each document, in their order. */
  readonly problems: readonly (readonly string[])[];
}

/** What the edge reads of a Gateway. */
export interface GatewayObject {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly generation: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly { readonly type: string; readonly observedGeneration?: number }[];
  };
  readonly spec: {
    readonly servers: readonly {
      readonly port: { readonly number: number; readonly protocol: string };
      readonly tls?: { readonly mode?: string };
    }[];
  };
}

/** What the edge tells control of a Gateway. */
export interface Listening {
  readonly addresses: readonly string[];
  /** Logical port to the bound one, where they differ. */
  readonly boundPorts: Readonly<Record<string, number>>;
  readonly failed: readonly { readonly port: number; readonly reason: string }[];
}

const TIMEOUT_MS = 5_000;
const APPLY_TIMEOUT_MS = 30_000;

export function controlClient(port: number): ControlClient {
  const call = async (path: string, init: RequestInit = {}, timeoutMs = TIMEOUT_MS): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const must = async (what: string, response: Response): Promise<Response> => {
    if (response.ok) return response;
    throw new Error(`${what}: ${await reasonOf(response)}`);
  };
  return {
    isUp: async () =>
      call("/healthz").then(
        ({ ok }) => ok,
        () => false,
      ),
    async bootstrap(secret) {
      const response = await must(
        "bootstrap",
        await call("/api/v1/bootstrap", { method: "POST", headers: bearer(secret) }),
      );
      const { token } = (await response.json()) as { token: string };
      return token;
    },
    async knows(token) {
      return (await call("/api/v1/status", { headers: bearer(token) })).status !== 401;
    },
    async signInCode(token) {
      const asked = await call("/api/v1/sign-in-codes", { method: "POST", headers: bearer(token) });
      const { code } = (await (await must("sign-in code", asked)).json()) as { readonly code: string };
      return code;
    },
    async bundle() {
      return (await must("bundle", await call("/api/v1/bundle"))).text();
    },
    async federated(token) {
      const response = await must("status", await call("/api/v1/status", { headers: bearer(token) }));
      const { federation } = (await response.json()) as {
        readonly federation: readonly { readonly authorities: readonly string[] }[];
      };
      return federation.flatMap(({ authorities }) => authorities.map(pemOf)).join("");
    },
    async apply(token, yaml) {
      const headers = { ...bearer(token), "content-type": "application/yaml" };
      await must("apply", await call("/api/v1/apply", { method: "POST", headers, body: yaml }, APPLY_TIMEOUT_MS));
    },
    async applyDocuments(token, documents) {
      if (documents.length === 0) return ok([]);
      const headers = { ...bearer(token), "content-type": "application/yaml" };
      // JSON is YAML, too, which alone has several documents.
      const body = documents.map((document) => JSON.stringify(document)).join("\n---\n");
      const response = await call("/api/v1/apply", { method: "POST", headers, body }, APPLY_TIMEOUT_MS);
      const answer = (await response.json()) as {
        readonly message?: string;
        readonly results?: readonly (AppliedObject & { readonly status?: { readonly message: string } })[];
      };
      if (response.ok) return ok(answer.results ?? []);
      const problems = (answer.results ?? []).map(({ status }) => (status === undefined ? [] : [status.message]));
      return err({ message: answer.message ?? `control answered ${response.status}`, problems });
    },
    async remove(token, path) {
      const response = await call(path, { method: "DELETE", headers: bearer(token) });
      if (response.status !== 404) await must(`delete ${path}`, response);
      await response.body?.cancel();
    },
    async gateways(token) {
      const path = "/k8s/apis/networking.istio.io/v1/gateways";
      const response = await must("gateways", await call(path, { headers: bearer(token) }));
      const { items } = (await response.json()) as { items: readonly GatewayObject[] };
      return items;
    },
    async listening(token, namespace, name, body) {
      const headers = { ...bearer(token), "content-type": "application/json" };
      const path = `/api/v1/gateways/${namespace}/${name}/listeners`;
      await must("listeners", await call(path, { method: "POST", headers, body: JSON.stringify(body) }));
    },
  };
}

/** @param der base64 */
function pemOf(der: string): string {
  return `-----BEGIN CERTIFICATE-----\n${der.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { message } = JSON.parse(text) as { message?: string };
    return `${response.status} ${message ?? text}`;
  } catch {
    return `${response.status} ${text}`;
  }
}
