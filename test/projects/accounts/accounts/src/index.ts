import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import type Audit from "../../audit/src/index";

interface Env {
  AUDIT: Service<typeof Audit>;
}

interface Props {
  tenant: string;
  scopes: string[];
}

const balances = new Map<string, number>();

class Account extends RpcTarget {
  readonly #env: Env;
  readonly #key: string;

  constructor(env: Env, key: string) {
    super();
    this.#env = env;
    this.#key = key;
  }

  async deposit(amount: number): Promise<void> {
    balances.set(this.#key, this.balance() + amount);
    await this.#env.AUDIT.write(`deposit ${amount} to ${this.#key}`);
  }

  balance(): number {
    return balances.get(this.#key) ?? 0;
  }
}

class ScopeError extends Error {
  override readonly name = "ScopeError";
  readonly code = "SCOPE";
}

export class Accounts extends WorkerEntrypoint<Env, Props> {
  whoami(): Props {
    return this.ctx.props;
  }

  open(owner: string): Account {
    return new Account(this.env, `${this.ctx.props.tenant}/${owner}`);
  }

  close(owner: string): void {
    if (!this.ctx.props.scopes.includes("admin")) throw new ScopeError(`closing ${owner} needs the scope admin`);
    balances.delete(`${this.ctx.props.tenant}/${owner}`);
  }
}

export default {
  fetch: () => new Response("accounts speak RPC", { status: 404 }),
} satisfies ExportedHandler<Env>;
