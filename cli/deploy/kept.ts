import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ignoreAllBut } from "../../project/ignored.ts";
import { CommandError } from "../tulle/command-error.ts";
import { type ControlSecrets, makeSecrets } from "./secrets.ts";

const Kept = z.strictObject({
  databaseId: z.string().optional(),
  /** Public halves of the keys that sign configuration. */
  snapshotKeys: z.array(z.string()).default([]),
  /** By gateway, public halves of the keys that sign its assertions. */
  assertionKeys: z.record(z.string(), z.array(z.string())).default({}),
  /** Public half of a key that signs no more, to when it may be forgotten (epoch ms). */
  retiring: z.record(z.string(), z.number()).default({}),
  /** Hash of the migrations that were applied. */
  migrations: z.string().optional(),
  /** By name, the hash of what was deployed. */
  workers: z.record(z.string(), z.string()).default({}),
  /** `kind namespace name` of what was applied. */
  resources: z.array(z.string()).default([]),
});
type Kept = z.infer<typeof Kept>;

const Pending = z.strictObject({
  publicKey: z.string(),
  secrets: z.strictObject({
    BOOTSTRAP_SECRET: z.string(),
    KEY_ENCRYPTION_SECRET: z.string(),
    SNAPSHOT_PRIVATE_KEY: z.string(),
  }),
});

const Pair = z.strictObject({ publicKey: z.string(), secret: z.string() });
/** Keys whose public halves are told already, and whose secrets are not set yet. */
const PendingKeys = z.strictObject({
  /** Signs configuration. */
  snapshot: Pair.optional(),
  /** By gateway. */
  assertion: z.record(z.string(), Pair).default({}),
});
type PendingKeys = z.infer<typeof PendingKeys>;

/** What deployments leave for the next one, in a folder: what was done, and the secrets while they are not set yet. */
export interface DeploymentState {
  readonly folder: string;
  readonly kept: Readonly<Kept>;
  /** Written at once: whoever is stopped goes on from here. */
  update(change: Partial<Kept>): void;
  /** The same ones until control has them, so that a second run sets no others. */
  pendingSecrets(): { readonly publicKey: string; readonly secrets: ControlSecrets } | null;
  makeSecrets(): { readonly publicKey: string; readonly secrets: ControlSecrets };
  /** Control has them: but for the one that makes the first administrator's token they are forgotten here. */
  secretsAreSet(): void;
  pendingKeys(): PendingKeys;
  keepPendingKeys(keys: PendingKeys): void;
  /** For `tulle token bootstrap`. */
  readonly bootstrapPath: string;
  forget(): void;
}

/** @throws CommandError where the folder holds what is no deployment's */
export function openState(folder: string): DeploymentState {
  const path = join(folder, "deployed.json");
  const pendingPath = join(folder, "pending-secrets.json");
  const keysPath = join(folder, "pending-keys.json");
  const bootstrapPath = join(folder, "bootstrap-secret");
  let kept = existsSync(path) ? parsed(Kept, path) : Kept.parse({});
  const pendingSecrets = () => (existsSync(pendingPath) ? parsed(Pending, pendingPath) : null);
  const write = (file: string, text: string, mode: number) => {
    mkdirSync(dirname(file), { recursive: true });
    ignoreAllBut(folder, ["deployed.json"]);
    // Whoever is stopped in it leaves the file as it was; and a mode holds for new files alone.
    const next = `${file}.${process.pid}`;
    rmSync(next, { force: true });
    writeFileSync(next, text, { mode });
    renameSync(next, file);
  };
  const update = (change: Partial<Kept>) => {
    kept = { ...kept, ...change };
    write(path, `${JSON.stringify(kept, null, 2)}\n`, 0o644);
  };
  return {
    folder,
    get kept() {
      return kept;
    },
    update,
    pendingSecrets,
    makeSecrets: () => {
      const made = makeSecrets();
      write(pendingPath, JSON.stringify(made), 0o600);
      return made;
    },
    secretsAreSet: () => {
      const set = pendingSecrets();
      if (set === null) return;
      write(bootstrapPath, set.secrets.BOOTSTRAP_SECRET, 0o600);
      update({ snapshotKeys: [set.publicKey] });
      rmSync(pendingPath);
    },
    pendingKeys: () => (existsSync(keysPath) ? parsed(PendingKeys, keysPath) : { assertion: {} }),
    keepPendingKeys: (keys) => {
      const isEmpty = keys.snapshot === undefined && Object.keys(keys.assertion).length === 0;
      if (isEmpty) rmSync(keysPath, { force: true });
      else write(keysPath, JSON.stringify(keys), 0o600);
    },
    bootstrapPath,
    forget: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function parsed<Type>(schema: z.ZodType<Type>, path: string): Type {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new CommandError(`${path} is not what a deployment wrote: bring back the one of the last deployment\n${why}`);
  }
}
