import { existsSync, readFileSync } from "node:fs";
import type { ControlClient } from "./control-client.ts";
import type { GatewayListeners } from "./gateway-listeners.ts";
import type { Opening } from "./own-listeners.ts";

const POLL_MS = 1_000;
/** The mesh's authority is fetched again now and then: control may have come later, or with another state. */
const BUNDLE_EVERY_POLLS = 10;

/** Follows Gateways and the mesh's authority as long as the mesh runs. */
export async function followGateways(
  listeners: GatewayListeners,
  client: ControlClient,
  { layout, meshAuthority, onStop }: Opening,
): Promise<void> {
  let polls = 0;
  const look = async (): Promise<void> => {
    const isDue = polls % BUNDLE_EVERY_POLLS === 0;
    if (isDue || !meshAuthority.isKnown) await meshAuthority.refresh();
    polls += 1;
    if (!existsSync(layout.tokenFile)) return;
    const token = readFileSync(layout.tokenFile, "utf8").trim();
    if (isDue) await meshAuthority.refreshNeighbours(token);
    await listeners.follow(await client.gateways(token), client, token);
  };
  // While control is away, what is open stays open.
  const quietly = async (): Promise<void> => look().catch(() => undefined);
  await quietly();
  let stopped = false;
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(async () => (stopped ? undefined : quietly()));
  }, POLL_MS);
  onStop(async () => {
    stopped = true;
    clearInterval(timer);
    await running;
  });
}
