import { mkdirSync } from "node:fs";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { Layout } from "./layout.ts";
import { CONTROL, controlWorker, migrate } from "./miniflare-workers.ts";
import { forgetRegistered } from "./runtime.ts";
import { loadAssertionKey, type Secrets } from "./secrets.ts";

/**
 * Control in a runtime of its own, so that it can be stopped alone.
 *
 * @param gateways names of the deployments that it is to know
 */
export async function startControl(
  layout: Layout,
  secrets: Secrets,
  { trustDomain, gateways }: { readonly trustDomain: string; readonly gateways: readonly string[] },
  onLine: (line: { level: string; message: string }) => void,
): Promise<{ stop(): Promise<void> }> {
  mkdirSync(layout.registry, { recursive: true });
  forgetRegistered(layout.registry, [CONTROL]);
  const assertionKeys = Object.fromEntries(
    gateways.map((name) => [name, [loadAssertionKey(layout.state, name).publicKey]]),
  );
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: layout.controlState,
      unsafeDevRegistryPath: layout.registry,
      handleStructuredLogs: onLine,
      workers: [
        {
          ...(await controlWorker(secrets, trustDomain, true, assertionKeys)),
          unsafeDirectSockets: [{ host: "127.0.0.1", port: layout.ports.controlDirect }],
        },
      ],
    }),
  );
  await miniflare.ready;
  await migrate(miniflare);
  return { stop: () => miniflare.dispose() };
}
