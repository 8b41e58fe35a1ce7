import { type Command, Option } from "commander";
import { z } from "zod";
import { kubeconfig } from "../../src/kube/kubeconfig.ts";
import { PERMISSIONS } from "../../src/resources/permissions.ts";
import { ask, connect } from "./client.ts";
import { usageError } from "./command-error.ts";
import { DAY, shortDuration } from "./duration.ts";
import { type GlobalOptions, lifetime } from "./options.ts";
import type { Target } from "./target.ts";
import { type Cell, print, printStructured, printTable, tell } from "./output.ts";

interface CreateOptions extends GlobalOptions {
  readonly role: string;
  readonly permit?: readonly string[];
  /** Milliseconds; the parser takes null for no value at all. */
  readonly ttl: number | "never";
}

const ROLES = ["viewer", "editor", "admin"];
const MAX_TTL_DAYS = 366;

const Listed = z.object({
  id: z.string(),
  name: z.string(),
  role: z.string(),
  namespace: z.string().nullable(),
  /** Absent: control is older than permissions are. */
  permissions: z.array(z.string()).optional(),
  /** Epoch ms. */
  expiresAt: z.number().nullable(),
  revokedAt: z.number().nullable(),
});
const Tokens = z.object({ tokens: z.array(Listed) });
const Bootstrapped = z.object({ id: z.string(), token: z.string() });
const Created = Listed.omit({ revokedAt: true }).extend({ token: z.string() });

export function addToken(program: Command): void {
  const token = program.command("token").description("tokens for the control API: create, bootstrap, list, revoke");
  token
    .command("create <name>")
    .description("print a new token, the only time that it is shown")
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).makeOptionMandatory())
    .addOption(
      new Option("--ttl <duration>", "how long it holds, or never")
        .default(DAY, "24h")
        .argParser(lifetime(MAX_TTL_DAYS)),
    )
    .addOption(
      new Option("--permit <permission...>", "what it may see of requests beside its role").choices(PERMISSIONS),
    )
    .addHelpText(
      "after",
      `
With -n it holds for that namespace alone, else for all. -o kubeconfig prints a kubeconfig that holds it.
Administrators have every permission; viewers and editors those that they are given.

Example:
  $ tulle token create ci --role editor -n shop --ttl 7d -o kubeconfig > ci.kubeconfig
  $ tulle token create oncall --role viewer --permit tail explain`,
    )
    .action(async (name: string, _: unknown, command: Command) =>
      create(name, command.optsWithGlobals<CreateOptions>()),
    );
  token
    .command("bootstrap")
    .description("print the first administrator's token of a deployed mesh, for its bootstrap secret")
    .addHelpText(
      "after",
      `
The secret is the token to call with: what \`tulle deploy\` leaves in .tulle/deploy/MESH/bootstrap-secret.

Example:
  $ tulle token bootstrap --server https://control.example.com \\
      --token-file .tulle/deploy/shop/bootstrap-secret -o kubeconfig > mesh.kubeconfig`,
    )
    .action(async (_: unknown, command: Command) => bootstrap(command.optsWithGlobals<GlobalOptions>()));
  token
    .command("list")
    .description("list the tokens that were made, without their secrets")
    .addHelpText("after", "\nExample:\n  $ tulle token list -o json")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<GlobalOptions>()));
  token
    .command("revoke <id>")
    .description("end a token now")
    .addHelpText("after", "\nExample:\n  $ tulle token revoke 5f0c3a52-6c1e-4d6f-9a53-0d6a3c0f2f0e")
    .action(async (id: string, _: unknown, command: Command) => revoke(id, command.optsWithGlobals<GlobalOptions>()));
}

async function create(name: string, { role, ttl, permit, ...options }: CreateOptions): Promise<void> {
  if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(name))
    throw usageError(`\`${name}\` is no name for a token; use lower-case letters, digits, \`-\` and \`.\`, at most 63`);
  const client = connect(options);
  const { namespace, output } = options;
  const body = JSON.stringify({
    name,
    role,
    namespace,
    ...(permit !== undefined && { permissions: permit }),
    ...(ttl !== "never" && { ttlSeconds: Math.floor(ttl / 1_000) }),
  });
  const { value } = await ask(client, { method: "POST", path: "/tokens", body }, Created);
  const scope = value.namespace === null ? "" : ` of namespace ${value.namespace}`;
  const life = ttl === "never" ? "never expires" : `expires in ${shortDuration(ttl)}`;
  const also = permit === undefined ? "" : `, with ${permit.join(" and ")}`;
  tell(`token ${value.id} for ${value.name}: ${value.role}${scope}${also}, ${life}`);
  if (await printStructured(output, value)) return;
  printToken(client.target, options, name, value.token);
}

/** The token alone, or a kubeconfig that holds it. */
export function printToken(
  { server, ca, insecure }: Target,
  { output, namespace = "default" }: GlobalOptions,
  user: string,
  token: string,
): void {
  if (output !== "kubeconfig") return print(token);
  print(kubeconfigFor({ server, ca, insecure }, user, token, namespace).trimEnd());
}

function kubeconfigFor(
  { server, ca, insecure }: Pick<Target, "server" | "ca" | "insecure">,
  user: string,
  token: string,
  namespace: string,
): string {
  const facts = { server, ca: ca === null ? null : Buffer.from(ca).toString("base64"), insecure };
  return kubeconfig({ ...facts, user, token, namespace });
}

/** @returns a kubeconfig with the first administrator's token, for which the options name the bootstrap secret */
export async function bootstrapKubeconfig(options: GlobalOptions): Promise<string> {
  const client = connect(options);
  const { value } = await ask(client, { method: "POST", path: "/bootstrap" }, Bootstrapped);
  return kubeconfigFor(client.target, "admin", value.token, "default");
}

async function bootstrap(options: GlobalOptions): Promise<void> {
  const client = connect(options);
  const { value } = await ask(client, { method: "POST", path: "/bootstrap" }, Bootstrapped);
  tell(`token ${value.id} for admin: admin, never expires`);
  if (await printStructured(options.output, value)) return;
  printToken(client.target, options, "admin", value.token);
}

async function list(options: GlobalOptions): Promise<void> {
  const { value, at } = await ask(connect(options), { path: "/tokens" }, Tokens);
  if (await printStructured(options.output, value)) return;
  printTable(
    [
      "ID",
      { head: "NAME", shrinks: "end" },
      "ROLE",
      { head: "NAMESPACE", rank: 2 },
      { head: "PERMITS", rank: 1, shrinks: "end" },
      { head: "EXPIRES", rank: 3 },
      "STATE",
    ],
    value.tokens.map(({ id, name, role, namespace, permissions = [], expiresAt, revokedAt }): readonly Cell[] => [
      id,
      name,
      role,
      namespace ?? "(all)",
      permissions.length === 0 ? "-" : permissions.join(","),
      expiresAt === null ? "never" : new Date(expiresAt).toISOString().replace(/\.\d+/, ""),
      revokedAt !== null
        ? { text: "revoked", style: "dim" }
        : expiresAt !== null && expiresAt <= at
          ? { text: "expired", style: "dim" }
          : { text: "active", style: "green" },
    ]),
  );
}

async function revoke(id: string, options: GlobalOptions): Promise<void> {
  await ask(connect(options), { method: "DELETE", path: `/tokens/${encodeURIComponent(id)}` }, z.null());
  if (!(await printStructured(options.output, { id, action: "revoked" }))) print(`token/${id} revoked`);
}
