// Decorators of the certificate library need it before anything of theirs is loaded.
import "reflect-metadata";
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Hono } from "hono";
import type {
  ConfigApi as ConfigSurface,
  GatewayProps,
  Registered,
  Registration,
  IsolatesSeen,
  Look,
  RootAnswer,
  StateApi as StateSurface,
  StateApiProps,
  TelemetryReport,
} from "../../src/snapshot/rpc.ts";
import { MAX_KEYS_A_CALL } from "../../src/identity/api-key.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { CountOrders, CountReport } from "../../src/limits/seen-counts.ts";
import type { Tailed } from "../../src/snapshot/tail-model.ts";
import type { Api } from "./access.ts";
import { controlApi } from "./api.ts";
import { apiKeyStore } from "./db/api-keys.ts";
import type { Env } from "./env.ts";
import { recordKey } from "./record-key.ts";
import { keepRecords } from "./record-rings.ts";

export { Counts } from "./counts.ts";
export { Records } from "./records.ts";
export { Authority } from "./authority/authority.ts";
export { Federation } from "./federation.ts";
export { Hub } from "./hub.ts";
export { Tails } from "./tails.ts";
export { Telemetry } from "./telemetry.ts";

let app: Hono<Api> | null = null;

export default {
  async fetch(request, env, ctx): Promise<Response> {
    app ??= controlApi(env);
    return app.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;

/** What gateways bind: who they are stands in their props, which the deployer wrote. */
export class ConfigApi extends WorkerEntrypoint<Env, GatewayProps> implements ConfigSurface {
  async register(registration: Registration): Promise<Registered> {
    const { gateway, fronts, gateways } = this.ctx.props;
    if (typeof gateway !== "string" || !isNames(fronts) || !isNames(gateways))
      throw new Error("this binding's deployer must write `props: { gateway, fronts, gateways }`");
    const { bindings, hasPrivate, format, version } = registration;
    if (!isNames(bindings) || typeof hasPrivate !== "boolean" || !Number.isSafeInteger(format))
      throw new Error("a registration is { bindings, hasPrivate, format }");
    await this.env.HUB.getByName("hub").register(
      { gateway, fronts, gateways },
      {
        bindings: bindings.filter((name) => /^(EP|CERT)_/.test(name)).sort(),
        hasPrivate,
        format,
        ...(isVersion(version) && { version }),
      },
    );
    return { recordKey: await recordKey(this.env.KEY_ENCRYPTION_SECRET) };
  }
}

/** What people read; of anything else nothing is kept. */
function isVersion(value: unknown): value is string {
  return typeof value === "string" && /^[\w.+-]{1,64}$/.test(value);
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((member) => typeof member === "string");
}

/** What the State Worker binds. */
export class StateApi extends WorkerEntrypoint<Env, StateApiProps> implements StateSurface {
  async root(
    gateway: string,
    have: { generation: number; issuedAt: number } | null,
    seen?: IsolatesSeen,
  ): Promise<RootAnswer> {
    return this.env.HUB.getByName("hub").root(gateway, have, seen);
  }

  async roots(looks: readonly Look[]): Promise<readonly RootAnswer[]> {
    return this.env.HUB.getByName("hub").roots(looks);
  }

  async slices(gateway: string, ids: readonly string[]): Promise<Record<string, string>> {
    return this.env.HUB.getByName("hub").slices(gateway, ids);
  }

  async report({ records, ...report }: TelemetryReport): Promise<void> {
    const { source, sequence } = report;
    const lost = records === undefined ? 0 : await keepRecords(this.env, { source, sequence }, records);
    const dropped = lost === 0 ? report.dropped : { ...report.dropped, records_lost: lost };
    await this.env.TELEMETRY.getByName("telemetry").report({ ...report, dropped });
  }

  async tailed(tailed: Tailed): Promise<void> {
    await this.env.TAILS.getByName("tails").take(tailed);
  }

  async keys(hashes: readonly string[]): Promise<readonly ApiKeyFact[]> {
    if (!isNames(hashes) || hashes.length > MAX_KEYS_A_CALL)
      throw new Error(`a call asks for at most ${MAX_KEYS_A_CALL} keys, by their hashes`);
    return apiKeyStore(this.env.DB).find(hashes);
  }

  async counted(report: CountReport): Promise<CountOrders> {
    return this.env.COUNTS.getByName("counts").counted(report);
  }
}
