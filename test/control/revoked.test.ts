import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { enrolRoutes } from "../../workers/control/enrol.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("is asked of the Hub every two seconds at most, however many ask who was revoked, with and without what they know", async () => {
  const hub = { asked: 0, version: 7 };
  const revocationList = async () => {
    hub.asked += 1;
    return { version: hub.version, serials: [], ids: [], maxAgeSeconds: null };
  };
  const routes = enrolRoutes(() => {
    throw new Error("the authority is not asked");
  });
  const ask = async (known: string) =>
    routes.request(
      "/revoked",
      { headers: { "if-none-match": known } },
      { HUB: { getByName: () => ({ revocationList }) } },
    );
  const statuses: number[] = [];
  for (const known of ['""', '"7-"', '"6-"', '"7-"']) statuses.push((await ask(known)).status);
  expect([statuses, hub.asked]).toEqual([[200, 304, 200, 304], 1]);
  hub.version = 8;
  vi.setSystemTime(Date.now() + 2_000);
  const answer = await ask('"7-"');
  expect([answer.status, answer.headers.get("etag"), hub.asked]).toEqual([200, '"8-"', 2]);
  // A clock that was set back makes none last longer.
  vi.setSystemTime(Date.now() - 3_600_000);
  await ask('"8-"');
  expect(hub.asked).toBe(3);
});
