import type { Command } from "commander";
import { z } from "zod";
import { storedNameOf } from "../../src/limits/counter-name.ts";
import { ask, connect, pagesOf } from "./client.ts";
import { usageError } from "./command-error.ts";
import { shortDuration } from "./duration.ts";
import { type GlobalOptions, positiveNumber } from "./options.ts";
import { type Cell, print, printStructured, printTable, type Style, tell } from "./output.ts";

interface ListOptions extends GlobalOptions {
  readonly policy?: string;
  readonly limit?: string;
  readonly key?: readonly string[];
  readonly most: number;
}

interface ResetOptions extends GlobalOptions {
  readonly key?: readonly string[];
  readonly counter?: string;
}

const SHOWN = 50;

const Count = z.object({
  counter: z.string(),
  namespace: z.string(),
  policy: z.string(),
  limit: z.string(),
  target: z.string(),
  key: z.string(),
  location: z.string().nullable(),
  used: z.number(),
  left: z.number(),
  most: z.number(),
  quota: z.number(),
  windowSeconds: z.number(),
  emptyAt: z.string(),
  seenAt: z.string(),
});
/** A control of before pages tells all of them at once. */
const Counts = z.object({ counts: z.array(Count), continue: z.string().nullable().default(null) });
const Reset = z.object({ counters: z.array(z.string()) });

export function addLimits(program: Command): void {
  const limits = program.command("limits").description("how rate limits stand: list (as without a word), reset");
  limits
    .command("list", { isDefault: true })
    .description("tell who is how near to which limit, nearest first")
    .option("--policy <namespace/name>", "only of this RateLimitPolicy")
    .option("--limit <name>", "only of limits of this name")
    .option("--key <part...>", "only of this key: its parts, which do not leave this machine")
    .option("--most <n>", "at most so many", positiveNumber, SHOWN)
    .addHelpText(
      "after",
      `
With -n only of that namespace's policies. Keys are shown as digests: nobody stores what they are made of.

Example:
  $ tulle limits --policy shop/api
  $ tulle limits --limit per-client --key 203.0.113.7`,
    )
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<ListOptions>()));
  limits
    .command("reset [limit]")
    .description("take a key's count back to zero: of a limit as namespace/policy/limit, or by --counter")
    .option("--key <part...>", "the parts of the key; of a limit without a key leave it out")
    .option("--counter <counter>", "as `tulle limits -o json` tells it")
    .addHelpText("after", "\nExample:\n  $ tulle limits reset shop/api/per-client --key 203.0.113.7")
    .action(async (limit: string | undefined, _: unknown, command: Command) =>
      reset(limit, command.optsWithGlobals<ResetOptions>()),
    );
}

async function list({ policy, limit, key, most, ...options }: ListOptions): Promise<void> {
  const { namespace } = options;
  const found: z.infer<typeof Count>[] = [];
  let now = 0;
  const call = { path: "/limits", query: { policy, limit, most: "1000" } };
  for await (const { value, at } of pagesOf(connect(options), call, Counts)) {
    const own = value.counts.filter((count) => namespace === undefined || count.namespace === namespace);
    found.push(...(key === undefined ? own : await ofKey(own, key)));
    now = at;
    if (found.length >= most) break;
  }
  const counts = found.slice(0, most);
  if (await printStructured(options.output, { counts })) return;
  if (counts.length === 0)
    return tell(
      key === undefined
        ? "nobody has used anything of a limit lately"
        : "that key is not among the nearest to their limits: of each object that counts only the 50 nearest are told",
    );
  printTable(
    [
      { head: "LIMIT", shrinks: "front" },
      { head: "TARGET", rank: 3, shrinks: "end" },
      { head: "KEY", rank: 1 },
      { head: "WHERE", rank: 4 },
      "USED",
      "LEFT",
      { head: "RATE", rank: 2 },
      { head: "EMPTY IN", rank: 2 },
      { head: "SEEN", rank: 3 },
    ],
    counts.map((count): readonly Cell[] => [
      `${count.namespace}/${count.policy}/${count.limit}`,
      count.target === "" ? "(all)" : count.target,
      count.key.slice(0, 12),
      count.location ?? "mesh",
      { text: `${Math.floor(count.used * 100)}%`, style: styleOf(count.used) },
      String(count.left),
      `${count.quota}/${shortDuration(count.windowSeconds * 1_000)}`,
      shortDuration(Math.max(0, Date.parse(count.emptyAt) - now)),
      shortDuration(Math.max(0, now - Date.parse(count.seenAt))),
    ]),
  );
}

const NEAR = 0.8;

function styleOf(used: number): Style {
  return used >= 1 ? "red" : used >= NEAR ? "yellow" : "green";
}

async function ofKey(counts: readonly z.infer<typeof Count>[], key: readonly string[]) {
  const named = await Promise.all(
    counts.map(async (count) => {
      const { namespace, policy, limit, target } = count;
      return (await storedNameOf(`${namespace}/${policy}/${limit}`, target, key)) === count.counter ? count : null;
    }),
  );
  return named.filter((count) => count !== null);
}

async function reset(limit: string | undefined, { key = [], counter, ...options }: ResetOptions): Promise<void> {
  const [, policy, name] = /^([^/]+\/[^/]+)\/([^/]+)$/.exec(limit ?? "") ?? [];
  if ((limit === undefined) === (counter === undefined) || (counter !== undefined && key.length > 0))
    throw usageError("name a limit, as namespace/policy/limit with the --key of whom it counts, or a --counter");
  if (limit !== undefined && (policy === undefined || name === undefined))
    throw usageError(`\`${limit}\` is no limit; write it as namespace/policy/limit`);
  const body = JSON.stringify(counter === undefined ? { policy, limit: name, key } : { counter });
  const { value } = await ask(connect(options), { method: "POST", path: "/limits/reset", body }, Reset);
  if (await printStructured(options.output, value)) return;
  for (const one of value.counters) print(`${one} reset`);
  tell("it holds within some seconds of the next request");
}
