import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { z } from "zod";
import { ask, connect } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { shortDuration } from "./duration.ts";
import { type GlobalOptions, positiveDuration } from "./options.ts";
import { type Cell, print, printable, printStructured, printTable, tell } from "./output.ts";
import { printToken } from "./tokens.ts";

interface LoginOptions extends GlobalOptions {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope: string;
  readonly device?: true;
  /** Milliseconds. */
  readonly wait: number;
  readonly idTokenFile?: string;
}

const Made = z.object({
  id: z.string(),
  token: z.string(),
  name: z.string(),
  role: z.string(),
  namespace: z.string().nullable(),
  /** Epoch ms. */
  expiresAt: z.number(),
});
const Listed = z.object({
  id: z.string(),
  issuer: z.string(),
  subject: z.string(),
  role: z.string().nullable(),
  namespace: z.string().nullable(),
  expiresAt: z.number(),
});

export function addLogin(program: Command): void {
  program
    .command("login")
    .description("sign in with an identity provider, and print a session's token for 8 hours")
    .option("--issuer <url>", "the provider, as `signIn` of the MeshConfig names it")
    .option("--client-id <id>", "the client that is registered there for this: the `audience` of `signIn`")
    .option("--scope <scopes>", "what is asked of the provider", "openid email profile")
    .option("--device", "sign in on another machine, by a code")
    .addOption(
      new Option("--wait <duration>", "for somebody to sign in").default(300_000, "5m").argParser(positiveDuration),
    )
    .addOption(
      new Option("--id-token-file <file>", "holds an ID token that you have already; - is standard input").conflicts([
        "issuer",
        "clientId",
        "device",
      ]),
    )
    .addHelpText(
      "after",
      `
The provider is asked by the authorization code flow with PKCE, on loopback, or by the device flow. An ID token
that you have already is taken from --id-token-file, or from the variable TULLE_ID_TOKEN: that of a CI job, or
Cloudflare Access's (\`cloudflared access token\`). It is exchanged once. With -n the session reaches that namespace
alone. -o kubeconfig prints a kubeconfig that holds the session's token.

Example:
  $ tulle login --server https://control.example.com --issuer https://login.example.com \\
      --client-id tulle -o kubeconfig > mesh.kubeconfig`,
    )
    .action(async (_: unknown, command: Command) => login(command.optsWithGlobals<LoginOptions>()));
  program
    .command("logout")
    .description("end the session whose token is sent")
    .addHelpText("after", "\nExample:\n  $ tulle logout --kubeconfig mesh.kubeconfig")
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await ask(connect(options), { method: "DELETE", path: "/sessions/current" }, z.null());
      if (!(await printStructured(options.output, { action: "signed out" }))) print("signed out");
    });
  addSession(program);
}

function addSession(program: Command): void {
  const session = program.command("session").description("who is signed in: list, end");
  session
    .command("list")
    .description("list the sessions that hold, with what the rules give them now")
    .addHelpText("after", "\nExample:\n  $ tulle session list")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<GlobalOptions>()));
  session
    .command("end")
    .argument("[id]", "as `tulle session list` has it")
    .option("--subject <subject>", "all of this one, as `tulle session list` has it: ISSUER#SUBJECT")
    .description("end a session now, or all of somebody")
    .addHelpText("after", "\nExample:\n  $ tulle session end --subject 'https://login.example.com#248289'")
    .action(async (id: string | undefined, _: unknown, command: Command) =>
      end(id, command.optsWithGlobals<GlobalOptions & { readonly subject?: string }>()),
    );
}

async function login({ issuer, clientId, scope, device, wait, idTokenFile, ...options }: LoginOptions): Promise<void> {
  const client = connect(options);
  const given = issuer === undefined ? givenToken(idTokenFile) : null;
  if (given === null && (issuer === undefined || clientId === undefined))
    throw usageError("say where to sign in, --issuer and --client-id, or give an ID token, --id-token-file");
  const provider = { issuer: issuer ?? "", clientId: clientId ?? "", scope };
  if (given === null && URL.parse(provider.issuer) === null)
    throw usageError(`\`${provider.issuer}\` is no URL of an issuer`);
  // Loaded for it alone: every other command starts without.
  const bearer = given ?? (await idToken(provider, device === true, wait));
  const body = JSON.stringify({ namespace: options.namespace });
  const { value, at } = await ask(client, { method: "POST", path: "/sessions", body, bearer }, Made);
  const scopeText = value.namespace === null ? "" : ` of namespace ${value.namespace}`;
  tell(`signed in as ${value.name}: ${value.role}${scopeText}, for ${shortDuration(value.expiresAt - at)}`);
  if (await printStructured(options.output, value)) return;
  printToken(client.target, options, value.name, value.token);
}

async function idToken(
  provider: { readonly issuer: string; readonly clientId: string; readonly scope: string },
  device: boolean,
  waitMs: number,
): Promise<string> {
  const { idTokenByBrowser, idTokenByDevice } = await import("./id-token.ts");
  return device ? idTokenByDevice(provider) : idTokenByBrowser(provider, waitMs);
}

/** @returns null where none is given; never from an argument, which other programs of the machine can read */
function givenToken(file: string | undefined): string | null {
  const variable = process.env["TULLE_ID_TOKEN"];
  if (file === undefined) return variable === undefined || variable === "" ? null : variable.trim();
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").trim();
  } catch {
    throw new CommandError(`cannot read the ID token from ${file}; check --id-token-file`);
  }
}

async function list(options: GlobalOptions): Promise<void> {
  const { value, at } = await ask(connect(options), { path: "/sessions" }, z.object({ sessions: z.array(Listed) }));
  if (await printStructured(options.output, value)) return;
  printTable(
    ["ID", { head: "SUBJECT", shrinks: "front" }, "ROLE", { head: "NAMESPACE", rank: 1 }, { head: "ENDS IN", rank: 2 }],
    value.sessions.map(({ id, issuer, subject, role, namespace, expiresAt }): readonly Cell[] => [
      id,
      `${issuer}#${subject}`,
      role ?? { text: "none", style: "dim" },
      role === null ? "-" : (namespace ?? "(all)"),
      shortDuration(expiresAt - at),
    ]),
  );
}

async function end(
  id: string | undefined,
  { subject, ...options }: GlobalOptions & { readonly subject?: string },
): Promise<void> {
  if ((id === undefined) === (subject === undefined)) throw usageError("give a session's id, or --subject");
  const client = connect(options);
  if (id !== undefined) {
    await ask(client, { method: "DELETE", path: `/sessions/${encodeURIComponent(id)}` }, z.null());
    if (!(await printStructured(options.output, { id, action: "ended" }))) print(`session/${id} ended`);
    return;
  }
  const at = subject?.indexOf("#") ?? -1;
  if (subject === undefined || at < 0) throw usageError("--subject is ISSUER#SUBJECT, as `tulle session list` has it");
  const query = { issuer: subject.slice(0, at), subject: subject.slice(at + 1) };
  const { value } = await ask(client, { method: "DELETE", path: "/sessions", query }, z.object({ ended: z.number() }));
  if (await printStructured(options.output, value)) return;
  print(`${value.ended} ${value.ended === 1 ? "session" : "sessions"} of ${printable(subject)} ended`);
}
