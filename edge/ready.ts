import type { MeshInfo } from "./mesh-info.ts";
import { StartError } from "./start-error.ts";

const PAGE_MS = 45_000;
const WAKE_MS = 5_000;

/** @throws StartError where the page is not served in time */
export async function untilServed(url: string): Promise<void> {
  const end = Date.now() + PAGE_MS;
  let last = "";
  while (Date.now() < end) {
    const status = await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    last = status === 0 ? "no answer" : `status ${status}`;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new StartError(
    `${url} is not served (${last}); the access log and the runtime's log in the state folder say why`,
  );
}

/** A gateway that nobody has called is not known to control yet: each is asked for the page once, or for nothing. */
export async function wake({ page, gateways }: MeshInfo): Promise<void> {
  const path = page === undefined ? "/" : new URL(page).pathname;
  await Promise.all(
    gateways.map(async (url) => {
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(WAKE_MS) });
      await response.arrayBuffer();
    }),
  ).catch(() => undefined);
}
