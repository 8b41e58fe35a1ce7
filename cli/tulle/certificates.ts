import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { parseSpiffeId, workloadOf } from "../../src/identity/spiffe-id.ts";
import { ask, type Client, connect } from "./client.ts";
import { CommandError, usageError } from "./command-error.ts";
import { DAY, shortDuration } from "./duration.ts";
import { dnsLabel, type GlobalOptions, positiveDuration } from "./options.ts";
import { printFacts, printStructured } from "./output.ts";
import { addCertList } from "./revoke.ts";
import { whyUnread } from "./target.ts";

interface EnrolOptions extends GlobalOptions {
  readonly serviceAccount: string;
  /** Milliseconds. */
  readonly ttl: number;
  readonly out?: string;
  readonly joinToken?: string;
}

const JoinToken = z.object({ token: z.string() });
const Enrolled = z.object({ certificate: z.string(), spiffeId: z.string(), expiresAt: z.number() });

export function addCert(program: Command): void {
  const cert = program.command("cert").description("certificates of workloads: enrol, show, list, revoke, unrevoke");
  cert
    .command("enrol")
    .description("make a key and get its certificate from the mesh's authority")
    .requiredOption("--service-account <name>", "whose identity it is; with -n for the namespace", dnsLabel)
    .addOption(new Option("--ttl <duration>", "how long it holds, up to 24h").default(3_600_000, "1h").argParser(ttl))
    .option("--out <dir>", "where NAME.key, NAME.pem and ca.pem are written (default: `certs` beside the kubeconfig)")
    .option(
      "--join-token <token>",
      "of the administrator's making, or - for stdin (default: makes one, as administrator)",
    )
    .addHelpText(
      "after",
      `
ca.pem is the mesh's authority, which certificates of workloads are checked with. The local mesh's listeners are checked with
.tulle/ca.pem.

Example:
  $ tulle cert enrol --service-account web -n shop --ttl 12h --out certs`,
    )
    .action(async (_: unknown, command: Command) => enrol(command.optsWithGlobals<EnrolOptions>()));
  cert
    .command("show <file>")
    .description("tell what a certificate says; - reads stdin; exits with 1 where it has expired")
    .addHelpText("after", "\nExample:\n  $ tulle cert show certs/web.pem")
    .action(async (file: string, _: unknown, command: Command) => show(file, command.optsWithGlobals<GlobalOptions>()));
  addCertList(cert);
}

export function ttl(given: string): number {
  const ms = positiveDuration(given);
  if (ms < 1_000 || ms > DAY) throw new InvalidArgumentError("Give 1s to 24h.");
  return ms;
}

async function enrol({ serviceAccount, ttl, out: wanted, joinToken, ...options }: EnrolOptions): Promise<void> {
  if (serviceAccount === "ca")
    throw usageError("the files of service account `ca` would overwrite the bundle `ca.pem`");
  const client = connect(options);
  // Beside what `npm start` keeps, which git ignores: a key must not end up in a repository.
  const out = wanted ?? join(client.target.folder, "certs");
  const { makeRequest } = await import("../../net/certificate-request.ts"); // Half of this program's time to start, for this command alone.
  const { key, csr } = await makeRequest();
  const namespace = options.namespace ?? client.target.namespace;
  const token =
    joinToken === undefined
      ? await makeJoinToken(client, namespace, serviceAccount)
      : joinToken === "-"
        ? (await text(process.stdin)).trim()
        : joinToken;
  if (!/^[\x21-\x7e]+$/.test(token)) throw usageError("--join-token: a join token is one line without spaces");
  const body = JSON.stringify({ csr, ttlSeconds: Math.floor(ttl / 1_000) });
  const enrolled = await ask(client, { method: "POST", path: "/enrol", body, bearer: token }, Enrolled);
  const { certificate, spiffeId, expiresAt } = enrolled.value;
  const id = parseSpiffeId(spiffeId);
  const workload = id.ok ? workloadOf(id.value) : null;
  // Under another's name the certificate would be taken for what it is not.
  if (
    workload?.serviceAccount !== serviceAccount ||
    (options.namespace !== undefined && workload.namespace !== namespace)
  )
    throw new CommandError(
      `nothing was written: the join token is for \`${spiffeId}\`; ask for a new one, and give that workload's --service-account and -n`,
    );
  const bundle = await client.send({ path: "/bundle", bearer: null });
  if (bundle.status !== 200 || !bundle.text.startsWith("-----BEGIN CERTIFICATE-----"))
    throw new CommandError(
      `nothing was written: control answered ${bundle.status} for the mesh's bundle; run the command again`,
    );
  if (!certificateOf(certificate, "control's answer").checkPrivateKey(createPrivateKey(key)))
    throw new CommandError("nothing was written: control answered with a certificate for another key");
  const files = {
    key: join(out, `${serviceAccount}.key`),
    certificate: join(out, `${serviceAccount}.pem`),
    ca: join(out, "ca.pem"),
  };
  writeAll(out, [
    { path: files.key, content: key, mode: 0o600 },
    { path: files.certificate, content: certificate, mode: 0o644 },
    { path: files.ca, content: bundle.text, mode: 0o644 },
  ]);
  const expires = new Date(expiresAt).toISOString();
  if (await printStructured(options.output, { spiffeId, expiresAt: expires, files })) return;
  printFacts([
    ["spiffe id", spiffeId],
    ["expires", `${expires} (in ${shortDuration(expiresAt - enrolled.at)})`],
    ["key", files.key],
    ["certificate", files.certificate],
    ["ca", files.ca],
  ]);
}

export async function makeJoinToken(client: Client, namespace: string, serviceAccount: string): Promise<string> {
  const body = JSON.stringify({ namespace, serviceAccount });
  const { value } = await ask(client, { method: "POST", path: "/join-tokens", body }, JoinToken);
  return value.token;
}

interface File {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** A program that reads them meanwhile finds old files or new ones, none half written. */
function writeAll(folder: string, files: readonly File[]): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const { path, content, mode } of files) {
      rmSync(`${path}.new`, { force: true });
      writeFileSync(`${path}.new`, content, { mode, flag: "wx" });
    }
    for (const { path } of files) renameSync(`${path}.new`, path);
  } catch (error) {
    throw new CommandError(`--out: ${whyUnread(folder, error)}`);
  }
}

async function show(file: string, { output }: GlobalOptions): Promise<void> {
  const name = file === "-" ? "stdin" : file;
  const certificate = certificateOf(file === "-" ? await buffer(process.stdin) : readBytes(file), name);
  const now = Date.now();
  const [from, to] = [certificate.validFromDate, certificate.validToDate];
  const isExpired = to.getTime() <= now;
  const left = isExpired
    ? `expired ${shortDuration(now - to.getTime())} ago`
    : from.getTime() > now
      ? `not valid before ${shortDuration(from.getTime() - now)} from now`
      : `${shortDuration(to.getTime() - now)} left`;
  if (isExpired) process.exitCode = 1;
  const facts = {
    spiffeId: spiffeIdOf(certificate),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: from.toISOString(),
    notAfter: to.toISOString(),
    isExpired,
    issuer: certificate.issuer.replaceAll("\n", ", "),
    keyType: keyTypeOf(certificate),
    fingerprintSha256: certificate.fingerprint256,
  };
  if (await printStructured(output, facts)) return;
  printFacts([
    ["spiffe id", facts.spiffeId ?? "none"],
    ["serial", facts.serial],
    ["validity", `${facts.notBefore} to ${facts.notAfter} (${left})`],
    ["issuer", facts.issuer],
    ["key", facts.keyType],
    ["sha-256", facts.fingerprintSha256],
  ]);
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(whyUnread(file, error));
  }
}

function certificateOf(bytes: Buffer | string, name: string): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw new CommandError(`\`${name}\` holds no certificate, in PEM or DER`);
  }
}

/** @returns null where the certificate names no workload */
function spiffeIdOf({ subjectAltName }: X509Certificate): string | null {
  const [, uri] = /(?:^|, )URI:(spiffe:[^,"]+)/.exec(subjectAltName ?? "") ?? [];
  return uri ?? null;
}

/** `EC P-256`, `RSA 2048`, `ED25519`. */
function keyTypeOf({ publicKey }: X509Certificate): string {
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  const type = publicKey.asymmetricKeyType?.toUpperCase() ?? "unknown";
  const curve = namedCurve === "prime256v1" ? "P-256" : namedCurve === "secp384r1" ? "P-384" : namedCurve;
  return [type, curve ?? modulusLength].filter((part) => part !== undefined).join(" ");
}
