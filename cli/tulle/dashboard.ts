import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { ask, connect } from "./client.ts";
import { usageError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { print, printStructured, tell } from "./output.ts";

interface DashboardOptions extends GlobalOptions {
  readonly link?: true;
  readonly at?: string;
}

const SignInCode = z.object({ code: z.string(), expiresAt: z.number() });

export function addDashboard(program: Command): void {
  program
    .command("dashboard")
    .description("print a link to the dashboard that signs a browser in, once, within a minute")
    .option("--link", "print it into a pipe or file as well")
    .option("--at <url>", "control's address for the browser (default: the server's)", webAddress)
    .addHelpText(
      "after",
      `
The browser gets the rights of the token that asks, for 8 hours. -o json prints the address alone, without a way in.

Example:
  $ tulle dashboard`,
    )
    .action(async (_: unknown, command: Command) => dashboard(command.optsWithGlobals<DashboardOptions>()));
}

function webAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin;
  throw new InvalidArgumentError("Give a URL such as https://control.example.com.");
}

async function dashboard({ link, at, ...options }: DashboardOptions): Promise<void> {
  const client = connect(options);
  const url = `${at ?? client.target.server}/ui/`;
  // What is structured is kept and passed on: it holds nothing that signs in.
  if (await printStructured(options.output, { url })) return;
  if (!link && !process.stdout.isTTY)
    throw usageError("the link signs in whoever reads it: it is printed to a terminal alone, or with --link");
  const { value } = await ask(client, { method: "POST", path: "/sign-in-codes" }, SignInCode);
  print(`${url}#code=${value.code}`);
  tell("open it within a minute; it works once");
}
