import { readFileSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { CommandError, usageError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";

/** Where control is, whom to trust there, and who calls. */
export interface Target {
  /** `https://127.0.0.1:18000`, without `/k8s` or a slash at its end. */
  readonly server: string;
  /** PEM; null: the authorities that this machine knows. */
  readonly ca: string | null;
  /** Trust any certificate. */
  readonly insecure: boolean;
  readonly token: string | null;
  /** Of the context, for what is given without `-n`. */
  readonly namespace: string;
  /** What said so, for messages. */
  readonly source: string;
  /** Where the token is from, for messages. */
  readonly tokenSource: string;
  /** Of the kubeconfig: what belongs to this mesh is kept beside it. The current one where there is none. */
  readonly folder: string;
}

/** What `npm start` writes. */
const LOCAL_KUBECONFIG = ".tulle/kubeconfig";
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

const Cluster = z.object({
  server: z.string().optional(),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
});
const User = z.object({ token: z.string().optional(), tokenFile: z.string().optional() });
const Context = z.object({ cluster: z.string(), user: z.string().nullish(), namespace: z.string().nullish() });
/** As far as it is read here; other clients keep more in it. */
const Config = z.object({
  clusters: z.array(z.object({ name: z.string(), cluster: Cluster.nullish() })).nullish(),
  users: z.array(z.object({ name: z.string(), user: User.nullish() })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context: Context.nullish() })).nullish(),
  "current-context": z.string().nullish(),
});
type Config = z.infer<typeof Config>;

export function readTarget(options: GlobalOptions, env: NodeJS.ProcessEnv): Target {
  return options.server === undefined ? fromKubeconfig(options, env) : fromOptions(options.server, options);
}

function fromOptions(server: string, { tokenFile, caFile }: GlobalOptions): Target {
  return {
    server: serverOf(server, "--server", (message) => usageError(message)),
    ca: caFile === undefined ? null : readText(caFile, "--ca-file"),
    insecure: false,
    token: tokenFile === undefined ? null : readToken(tokenFile, "--token-file"),
    namespace: "default",
    source: "--server",
    tokenSource: tokenFile === undefined ? "--server" : `\`${tokenFile}\``,
    folder: ".",
  };
}

function fromKubeconfig(options: GlobalOptions, env: NodeJS.ProcessEnv): Target {
  const { paths, by } = kubeconfigPaths(options, env);
  const source = paths.map((path) => `\`${path}\``).join(", ");
  const configs = paths.flatMap((path) => readConfig(path, by, paths.length > 1));
  if (configs.length === 0) throw new CommandError(`${by}: there is no file ${source}; ${HOW_TO_NAME}`);
  const wanted = options.context ?? configs.find((config) => config["current-context"])?.["current-context"];
  if (!wanted) throw new CommandError(`${source} has no current-context; give --context`);
  const contexts = configs.flatMap((config) => config.contexts ?? []);
  const context = contexts.find(({ name }) => name === wanted)?.context;
  if (!context) {
    const known = contexts.map(({ name }) => `\`${name}\``).join(", ") || "none";
    throw new CommandError(`${source} has no context \`${wanted}\`; there is ${known}`);
  }
  const cluster = configs
    .flatMap((config) => config.clusters ?? [])
    .find(({ name }) => name === context.cluster)?.cluster;
  if (cluster?.server === undefined)
    throw new CommandError(`${source} says no server for the cluster \`${context.cluster}\` of context \`${wanted}\``);
  // Another cluster's token must not be sent to what is no mesh.
  if (!/\/k8s\/?$/.test(cluster.server))
    throw new CommandError(
      `the server of context \`${wanted}\` in ${source} is no mesh: \`${cluster.server}\` does not end in /k8s; name another file with --kubeconfig or another context with --context`,
    );
  const user = configs.flatMap((config) => config.users ?? []).find(({ name }) => name === context.user)?.user;
  const server = serverOf(cluster.server, source, (message) => new CommandError(message));
  return {
    server,
    ca: options.caFile === undefined ? caOf(cluster, source) : readText(options.caFile, "--ca-file"),
    insecure: cluster["insecure-skip-tls-verify"] ?? false,
    token: options.tokenFile === undefined ? tokenOf(user, source) : readToken(options.tokenFile, "--token-file"),
    namespace: context.namespace ?? "default",
    source,
    tokenSource: options.tokenFile === undefined ? source : `\`${options.tokenFile}\``,
    folder: dirname(paths[0] ?? ""),
  };
}

const HOW_TO_NAME = `run \`tulle dev\` (for its examples \`npm start\`) in this folder, or name a kubeconfig with --kubeconfig or TULLE_KUBECONFIG`;

function kubeconfigPaths(
  { kubeconfig }: GlobalOptions,
  env: NodeJS.ProcessEnv,
): { readonly paths: readonly string[]; readonly by: string } {
  if (kubeconfig !== undefined) return { paths: [kubeconfig], by: "--kubeconfig" };
  for (const by of ["TULLE_KUBECONFIG", "KUBECONFIG"]) {
    const paths = env[by]?.split(delimiter).filter((path) => path !== "") ?? [];
    if (paths.length > 0) return { paths, by };
  }
  return { paths: [LOCAL_KUBECONFIG], by: "kubeconfig" };
}

/** @returns none where the file is missing: of a list, as kubectl does, the others count */
function readConfig(path: string, by: string, isOneOfMany: boolean): readonly Config[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error) && (isOneOfMany || by === "kubeconfig")) return [];
    throw new CommandError(`${by}: ${whyUnread(path, error)}; ${HOW_TO_NAME}`);
  }
  const parsed = Config.safeParse(yamlOf(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const why = [issue?.path.join(".") ?? "", issue?.message ?? ""].filter((part) => part !== "").join(": ");
    throw new CommandError(`${by}: \`${path}\` is no kubeconfig: ${why}`);
  }
  return [withAbsolutePaths(parsed.data, dirname(path))];
}

/** Paths in a kubeconfig start from its own folder. */
function withAbsolutePaths(config: Config, folder: string): Config {
  const clusters = config.clusters?.map(({ name, cluster }) => {
    const file = cluster?.["certificate-authority"];
    return { name, cluster: file ? { ...cluster, "certificate-authority": resolve(folder, file) } : cluster };
  });
  const users = config.users?.map(({ name, user }) => {
    const file = user?.tokenFile;
    return { name, user: file ? { ...user, tokenFile: resolve(folder, file) } : user };
  });
  return { ...config, clusters, users };
}

function yamlOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

function caOf(cluster: z.infer<typeof Cluster>, source: string): string | null {
  const { "certificate-authority-data": data, "certificate-authority": file } = cluster;
  if (data) return Buffer.from(data, "base64").toString("utf8");
  return file ? readText(file, source) : null;
}

function tokenOf(user: z.infer<typeof User> | null | undefined, source: string): string | null {
  if (user?.tokenFile) return readToken(user.tokenFile, source);
  return user?.token ? checkedToken(user.token, source) : null;
}

function serverOf(text: string, source: string, fail: (message: string) => CommandError): string {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw fail(`${source}: \`${text}\` is no URL such as https://127.0.0.1:18000`);
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname))
    throw fail(`${source}: \`${text}\` would carry the token in clear text; use https`);
  return `${url.origin}${url.pathname.replace(/\/$/, "").replace(/\/k8s$/, "")}`;
}

function readToken(path: string, source: string): string {
  return checkedToken(readText(path, source), `\`${path}\``);
}

function checkedToken(text: string, source: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CommandError(`${source} holds no token: one line without spaces`);
  return token;
}

function readText(path: string, source: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`${source}: ${whyUnread(path, error)}`);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Why a file could not be read or written, for the one who named it. */
export function whyUnread(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  switch (code) {
    case "ENOENT":
      return `there is no file \`${path}\``;
    case "EACCES":
    case "EPERM":
      return `\`${path}\` may not be opened by this user`;
    case "EISDIR":
      return `\`${path}\` is a folder`;
    case "ENOTDIR":
    case "EEXIST":
      return `a part of \`${path}\` is no folder`;
    case "ELOOP":
      return `\`${path}\` is a link that leads back to itself`;
    default:
      return `\`${path}\`: ${code}`;
  }
}
