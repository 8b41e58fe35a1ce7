import { until } from "../support/until.ts";
import { demand, demandEqual } from "./outcome.ts";
import type { Held, Trial } from "./trial.ts";

export const KEY_WORDS: readonly (readonly [string, Held])[] = [
  ["no service, no answer, no log line and no record has a key", keptNowhere],
  [
    "every answer says that the API key is not valid",
    ({ seen }) => {
      for (const { reply, said } of seen) demandEqual("the body", reply.body, "API key is not valid", said);
    },
  ],
];

/** Services behind a query or a body get what clients wrote there: keys of headers are the mesh's to take out. */
async function keptNowhere(trial: Trial): Promise<void> {
  const { mesh, keys, hits, mirrored, lines, seen } = trial;
  const replies = seen.map(({ reply }) => reply);
  const [metrics, audit, list] = await Promise.all(
    ["/metrics", "/api/v1/audit", "/api/v1/keys"].map(async (path) => (await mesh.control("GET", path)).text),
  );
  const told = { hits, mirrored, lines, replies, metrics, audit, list, records: await recordsOf(trial) };
  for (const [place, seenThere] of Object.entries(told))
    for (const [name, { key }] of keys)
      demand(!JSON.stringify(seenThere).includes(key), `the key \`${name}\` stands in ${place}`, trial.attack.id);
}

/** What control keeps of decisions: samples, which come up with the traffic; so the first request is sent until one is of it. */
async function recordsOf({ mesh, seen, send }: Trial): Promise<string> {
  const ids = seen.map(({ reply }) => reply.headers["x-request-id"] ?? "none");
  return until("a record of one of the requests", async () => {
    const { reply } = await send(seen[0]?.request ?? {});
    ids.push(reply.headers["x-request-id"] ?? "none");
    const { text } = await mesh.control("GET", "/api/v1/records?limit=500");
    return ids.some((id) => text.includes(id)) ? text : null;
  });
}
