import { WorkerEntrypoint } from "cloudflare:workers";
import { ODD_NAMES } from "../odd-names.ts";

/** What was reached since it was asked last. */
let reached: string[] = [];

/** The service that is attacked: it has a method of every name that nobody should be able to call. */
export default class Orders extends WorkerEntrypoint {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    reached.push(`orders.fetch ${request.method} ${pathname}`);
    return Response.json({ client: request.headers.get("x-forwarded-client-cert") });
  }

  add(a: number, b: number): number {
    reached.push("orders.add");
    return a + b;
  }

  echo(value: unknown): unknown {
    reached.push("orders.echo");
    return value;
  }

  secret(): string {
    reached.push("orders.secret");
    return "the secret";
  }

  get hidden(): object {
    reached.push("orders.hidden");
    return { inner: "the secret", open: () => "the secret" };
  }
}

for (const name of ODD_NAMES) {
  const value = (): string => {
    reached.push(`orders.${name}`);
    return "reached";
  };
  Object.defineProperty(Orders.prototype, name, { value, configurable: true, writable: true });
}

/** Another service, and another entrypoint of the same Worker. */
export class Vault extends WorkerEntrypoint {
  override fetch(): Response {
    reached.push("vault.fetch");
    return new Response("the vault");
  }

  open(): string {
    reached.push("vault.open");
    return "the vault";
  }

  add(): string {
    reached.push("vault.add");
    return "the vault";
  }
}

/** Past the mesh. */
export class Watch extends WorkerEntrypoint {
  taken(): readonly string[] {
    const taken = reached;
    reached = [];
    return taken;
  }
}
