import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { isLabelKey } from "../../src/resources/names.ts";
import { ask, connect, pagesOf } from "./client.ts";
import { usageError } from "./command-error.ts";
import { DAY, shortDuration } from "./duration.ts";
import { collected, type GlobalOptions, lifetime } from "./options.ts";
import { type Cell, print, printStructured, printTable, tell } from "./output.ts";

type Label = readonly [name: string, value: string];

interface CreateOptions extends GlobalOptions {
  readonly plan?: string;
  readonly label?: readonly Label[];
  /** Milliseconds. */
  readonly ttl: number | "never";
}

const MAX_TTL_DAYS = 3_660;
const DEFAULT_TTL = 90 * DAY;

const Made = z.object({
  id: z.string(),
  name: z.string(),
  namespace: z.string(),
  plan: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  /** Epoch ms. */
  expiresAt: z.number().nullable(),
  createdAt: z.number(),
});
const Created = Made.extend({ key: z.string() });
const Listed = Made.extend({ revokedAt: z.number().nullable() });
/** A control of before pages tells all of them at once. */
const Keys = z.object({ keys: z.array(Listed), continue: z.string().nullable().default(null) });

export function addKey(program: Command): void {
  const key = program.command("key").description("API keys of services' clients: create, list, revoke");
  key
    .command("create <name>")
    .description("print a new API key, the only time that it is shown")
    .option("--plan <plan>", "what limits tell its client from others by: `request.auth.key.plan`")
    .option("--label <name=value>", "a fact that policies may look at; may be given again", collected(label))
    .addOption(
      new Option("--ttl <duration>", "how long it holds, or never")
        .default(DEFAULT_TTL, "90d")
        .argParser(lifetime(MAX_TTL_DAYS)),
    )
    .addHelpText(
      "after",
      `
It is for the services of one namespace, whose APIKeyPolicies take it: -n, else the context's.

Example:
  $ tulle key create acme -n shop --plan gold --label team=partners --ttl 365d > acme.key`,
    )
    .action(async (name: string, _: unknown, command: Command) =>
      create(name, command.optsWithGlobals<CreateOptions>()),
    );
  key
    .command("list")
    .description("list API keys, without the keys themselves: of one namespace with -n")
    .addHelpText("after", "\nExample:\n  $ tulle key list -n shop -o json")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<GlobalOptions>()));
  key
    .command("revoke <id>")
    .description("end an API key: gateways take it for 60 seconds more at most")
    .addHelpText("after", "\nExample:\n  $ tulle key revoke 5f0c3a52-6c1e-4d6f-9a53-0d6a3c0f2f0e")
    .action(async (id: string, _: unknown, command: Command) => revoke(id, command.optsWithGlobals<GlobalOptions>()));
}

function label(text: string): Label {
  const at = text.indexOf("=");
  if (at < 0 || !isLabelKey(text.slice(0, at))) throw new InvalidArgumentError("Give NAME=VALUE, as labels are.");
  return [text.slice(0, at), text.slice(at + 1)];
}

async function create(name: string, { plan, label: labels = [], ttl: life, ...options }: CreateOptions): Promise<void> {
  if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(name))
    throw usageError(`\`${name}\` is no name for a key; use lower-case letters, digits, \`-\` and \`.\`, at most 63`);
  const client = connect(options);
  const body = JSON.stringify({
    name,
    namespace: options.namespace ?? client.target.namespace,
    ...(plan !== undefined && { plan }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    ...(life !== "never" && { ttlSeconds: Math.floor(life / 1_000) }),
  });
  const { value } = await ask(client, { method: "POST", path: "/keys", body }, Created);
  const ends = life === "never" ? "never expires" : `expires in ${shortDuration(life)}`;
  const on = value.plan === null ? "" : `, plan ${value.plan}`;
  tell(`API key ${value.id} for ${value.name}, of namespace ${value.namespace}${on}: ${ends}`);
  if (!(await printStructured(options.output, value))) print(value.key);
}

async function list(options: GlobalOptions): Promise<void> {
  const { namespace, output } = options;
  const keys: z.infer<typeof Listed>[] = [];
  let now = 0;
  for await (const { value, at } of pagesOf(
    connect(options),
    { path: "/keys", query: { namespace, limit: "500" } },
    Keys,
  )) {
    keys.push(...value.keys);
    now = at;
  }
  if (await printStructured(output, { keys })) return;
  if (keys.length === 0) return tell("there are no API keys; `tulle key create NAME -n NAMESPACE` makes one");
  printTable(
    [
      "ID",
      { head: "NAMESPACE", rank: 1 },
      { head: "NAME", shrinks: "end" },
      { head: "PLAN", rank: 2 },
      { head: "LABELS", rank: 4, shrinks: "end" },
      { head: "EXPIRES", rank: 3 },
      "STATE",
    ],
    keys.map(({ id, name, namespace: of, plan, labels, expiresAt, revokedAt }): readonly Cell[] => [
      id,
      of,
      name,
      plan ?? "-",
      Object.entries(labels)
        .map(([label, text]) => `${label}=${text}`)
        .join(",") || "-",
      expiresAt === null ? "never" : new Date(expiresAt).toISOString().replace(/\.\d+/, ""),
      revokedAt !== null
        ? { text: "revoked", style: "dim" }
        : expiresAt !== null && expiresAt <= now
          ? { text: "expired", style: "dim" }
          : { text: "active", style: "green" },
    ]),
  );
}

async function revoke(id: string, options: GlobalOptions): Promise<void> {
  await ask(connect(options), { method: "DELETE", path: `/keys/${encodeURIComponent(id)}` }, z.null());
  if (!(await printStructured(options.output, { id, action: "revoked" }))) print(`key/${id} revoked`);
}
