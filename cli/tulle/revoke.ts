import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { Certificates, Revocation, Revocations } from "../../src/api/ca-bodies.ts";
import { ask, type Client, connect } from "./client.ts";
import { usageError } from "./command-error.ts";
import { shortDuration } from "./duration.ts";
import type { GlobalOptions } from "./options.ts";
import { print, printable, printStructured, printTable } from "./output.ts";

interface WhatOptions extends GlobalOptions {
  readonly serial?: string;
  readonly spiffeId?: string;
  readonly reason?: string;
  readonly revoked?: true;
}

const PAGE = "500";

/** `tulle cert list`, `revoke`, `unrevoke`: what lives, and what counts no more. */
export function addCertList(cert: Command): void {
  cert
    .command("list")
    .description("list the certificates of workloads that live, the first to end first")
    .option("--spiffe-id <id>", "of this identity alone", spiffeId)
    .option("--revoked", "what was revoked instead")
    .addHelpText("after", "\nExample:\n  $ tulle cert list --spiffe-id spiffe://cluster.local/ns/shop/sa/web")
    .action(async (_: unknown, command: Command) => list(command.optsWithGlobals<WhatOptions>()));
  what(cert.command("revoke"))
    .description("take a certificate or an identity back: gateways refuse it within seconds")
    .option("--reason <text>", "for the audit and the list")
    .addHelpText(
      "after",
      `
Of an identity all certificates count no more, nor do bindings in its name, and it gets no new one.

Example:
  $ tulle cert revoke --spiffe-id spiffe://cluster.local/ns/shop/sa/web --reason "key lost"`,
    )
    .action(async (_: unknown, command: Command) => revoke(command.optsWithGlobals<WhatOptions>()));
  what(cert.command("unrevoke"))
    .description("let a certificate or an identity count again")
    .addHelpText("after", "\nExample:\n  $ tulle cert unrevoke --spiffe-id spiffe://cluster.local/ns/shop/sa/web")
    .action(async (_: unknown, command: Command) => unrevoke(command.optsWithGlobals<WhatOptions>()));
}

function what(command: Command): Command {
  return command
    .option("--serial <hex>", "of one certificate, as `tulle cert show` tells it", serial)
    .option("--spiffe-id <id>", "of an identity", spiffeId);
}

function serial(given: string): string {
  if (!/^[0-9a-fA-F:]{1,128}$/.test(given)) throw new InvalidArgumentError("Give a serial number in hex.");
  return given;
}

function spiffeId(given: string): string {
  if (!given.startsWith("spiffe://")) throw new InvalidArgumentError("Give a SPIFFE ID: spiffe://TRUST-DOMAIN/PATH.");
  return given;
}

async function list({ spiffeId: id, revoked, ...options }: WhatOptions): Promise<void> {
  const client = connect(options);
  if (revoked) return listRevoked(client, options);
  const certificates: z.infer<typeof Certificates>["certificates"][number][] = [];
  let now = Date.now();
  for (let place: string | null | undefined; place !== null;) {
    const query = { limit: PAGE, spiffeId: id, continue: place };
    const { value, at } = await ask(client, { path: "/certificates", query }, Certificates);
    certificates.push(...value.certificates);
    now = at;
    place = value.continue;
  }
  if (await printStructured(options.output, { certificates })) return;
  printTable(
    [
      { head: "SPIFFE ID", shrinks: "front" },
      "SERIAL",
      { head: "EXPIRES IN", rank: 1 },
      { head: "ISSUER", rank: 2, shrinks: "end" },
    ],
    certificates.map((one) => [one.spiffeId, one.serial, shortDuration(one.expiresAt - now), one.issuer]),
  );
}

async function listRevoked(client: Client, { output }: GlobalOptions): Promise<void> {
  const { value, at } = await ask(client, { path: "/revocations" }, Revocations);
  if (await printStructured(output, value)) return;
  printTable(
    [{ head: "WHAT", shrinks: "front" }, { head: "REVOKED", rank: 1 }, "UNTIL", { head: "REASON", shrinks: "end" }],
    value.revocations.map((one) => [
      one.kind === "id" ? `spiffe://${one.value}` : one.value,
      `${shortDuration(at - one.at)} ago`,
      one.until === null ? "lifted" : `in ${shortDuration(one.until - at)}`,
      printable(one.reason),
    ]),
  );
}

async function revoke({ serial: number, spiffeId: id, reason, ...options }: WhatOptions): Promise<void> {
  oneOf(number, id);
  const body = JSON.stringify({ serial: number, spiffeId: id, reason });
  const { value } = await ask(connect(options), { method: "POST", path: "/revocations", body }, Revocation);
  if (await printStructured(options.output, value)) return;
  print(`revoked: ${value.kind === "id" ? `spiffe://${value.value}` : value.value}`);
}

async function unrevoke({ serial: number, spiffeId: id, ...options }: WhatOptions): Promise<void> {
  oneOf(number, id);
  const query = { serial: number, spiffeId: id };
  await ask(connect(options), { method: "DELETE", path: "/revocations", query }, z.unknown());
  if (await printStructured(options.output, { lifted: id ?? number })) return;
  print(`counts again: ${id ?? number ?? ""}`);
}

function oneOf(number: string | undefined, id: string | undefined): void {
  if ((number === undefined) === (id === undefined)) throw usageError("give one of --serial and --spiffe-id");
}
