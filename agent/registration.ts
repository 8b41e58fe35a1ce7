import type { MeshControl } from "../net/mesh-control.ts";
import type { Tell } from "./log.ts";
import type { Registration } from "./options.ts";

/** The entry ends by itself so long after the agent was last heard of. */
const LEASE_SECONDS = 60;
const RENEW_MS = 20_000;
const RETRY_MS = 2_000;

/** An agent takes mutual TLS: so gateways know, and call it in no other way. */
const LABELS = { "security.istio.io/tlsMode": "istio" };

/** Keeps the workload's WorkloadEntry while the agent runs, by its WorkloadGroup. */
export class Registrar {
  readonly #registration: Registration;
  readonly #control: MeshControl;
  readonly #tell: Tell;
  #timer: NodeJS.Timeout | undefined;
  #entry: string | null = null;
  #stopped = false;

  constructor(registration: Registration, control: MeshControl, tell: Tell) {
    this.#registration = registration;
    this.#control = control;
    this.#tell = tell;
  }

  /** @throws where control refuses it: whoever starts the agent is told at once */
  async start(): Promise<void> {
    await this.#register();
    this.#wait(RENEW_MS);
  }

  /** Takes the entry away again; where control is away it ends by itself. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#entry === null) return;
    const { address } = this.#registration;
    await this.#post("deregister", { address }).catch((error: unknown) => this.#failed(error));
  }

  async #register(): Promise<void> {
    const { address } = this.#registration;
    const body = { address, labels: LABELS, ttlSeconds: LEASE_SECONDS };
    const { name } = Object(await this.#post("register", body)) as { readonly name?: unknown };
    const entry = String(name);
    if (this.#entry !== entry) this.#tell({ event: "registered", entry });
    this.#entry = entry;
  }

  async #post(verb: "register" | "deregister", body: unknown): Promise<unknown> {
    const { namespace, group, token } = this.#registration;
    return this.#control.post(`/workload-groups/${namespace}/${group}/${verb}`, token, body);
  }

  #wait(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#register().then(
        () => this.#wait(RENEW_MS),
        (error: unknown) => {
          this.#failed(error);
          this.#wait(RETRY_MS);
        },
      );
    }, ms);
  }

  #failed(error: unknown): void {
    this.#tell({ event: "registration_failed", reason: error instanceof Error ? error.message : String(error) });
  }
}
