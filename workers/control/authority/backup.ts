import { z } from "zod";
import { err, ok, type Result } from "../../../src/result.ts";
import { base64ToBytes, bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import { seal, sealingKey, unseal } from "../sealing.ts";
import type { CaStore, StoredCa } from "./ca-store.ts";
import type { JwtKeys } from "./jwt-keys.ts";
import type { AuthorityKeys, KeysEnv } from "./keys.ts";

const PURPOSE = "authority-backup";
const FORMAT = 1;
/** What was signed after the backup is not in it: it may live this long. */
const LONGEST_LEAF_MS = 86_400_000;

const count = z.int().min(0);
/** Rows of the tables that are carried over as they stand. */
const TABLES = {
  join_tokens: z.strictObject({
    hash: z.string(),
    namespace: z.string(),
    service_account: z.string(),
    expires_at: count,
    used_at: count.nullable(),
  }),
  issued: z.strictObject({
    serial: z.string(),
    spiffe_id: z.string(),
    key_hash: z.string(),
    issuer: z.string(),
    issued_at: count,
    expires_at: count,
  }),
  /** By its number others tell what is newer. */
  spiffe_bundle: z.strictObject({ id: count, sequence: count, content: z.string() }),
  /** Tokens of issuers that were used. */
  used_once: z.strictObject({ hash: z.string(), ends_at: count }),
  revoked: z.strictObject({
    kind: z.enum(["serial", "id"]),
    value: z.string(),
    reason: z.string(),
    at: count,
    until: count.nullable(),
  }),
} as const;
type Table = keyof typeof TABLES;
const TABLE_NAMES = [
  "join_tokens",
  "spiffe_bundle",
  "used_once",
  "issued",
  "revoked",
] as const satisfies readonly Table[];

const Content = z.strictObject({
  format: z.literal(FORMAT),
  trustDomain: z.string(),
  certificates: z.array(
    z.strictObject({
      serial: z.string(),
      role: z.enum(["root", "intermediate", "both"]),
      root: z.string(),
      certificate: z.string(),
      chain: z.string(),
      notBefore: count,
      notAfter: count,
      signsFrom: count,
      lastEnds: count.nullable(),
      /** PKCS#8, base64; null: somebody else's. */
      key: z.string().nullable(),
    }),
  ),
  /** Those that sign JWT-SVIDs; absent in older backups. */
  jwtKeys: z
    .array(z.strictObject({ kid: z.string(), publicJwk: z.string(), signsFrom: count, pkcs8: z.base64() }))
    .exactOptional(),
  tables: z.strictObject({
    join_tokens: z.array(TABLES.join_tokens),
    spiffe_bundle: z.array(TABLES.spiffe_bundle),
    used_once: z.array(TABLES.used_once),
    issued: z.array(TABLES.issued),
    revoked: z.array(TABLES.revoked),
  }),
});
type Content = z.infer<typeof Content>;

/** Takes all that the authority knows out, under the administrator's key, and puts it into another mesh of the same name. */
export class Backup {
  readonly #storage: DurableObjectStorage;
  readonly #store: CaStore;
  readonly #keys: AuthorityKeys;
  readonly #jwtKeys: JwtKeys;
  readonly #trustDomain: string;

  constructor(storage: DurableObjectStorage, store: CaStore, keys: AuthorityKeys, jwtKeys: JwtKeys, env: KeysEnv) {
    this.#storage = storage;
    this.#store = store;
    this.#keys = keys;
    this.#jwtKeys = jwtKeys;
    this.#trustDomain = env.TRUST_DOMAIN;
  }

  /** @param key the administrator's, 32 characters or more */
  async take(key: string): Promise<string> {
    const certificates = await Promise.all(
      this.#store.all().map(async ({ wrappedKey, ...one }) => ({
        serial: one.serial,
        role: one.role,
        root: one.root,
        certificate: one.certificate,
        chain: one.chain,
        notBefore: one.notBefore,
        notAfter: one.notAfter,
        signsFrom: one.signsFrom,
        lastEnds: one.lastEnds,
        key: wrappedKey === null ? null : bytesToBase64(await this.#keys.unwrap(wrappedKey)),
      })),
    );
    const tables = Object.fromEntries(
      TABLE_NAMES.map((name) => [name, this.#storage.sql.exec(`SELECT * FROM ${name}`).toArray()]),
    );
    const jwtKeys = (await this.#jwtKeys.bare()).map((one) => ({ ...one, pkcs8: bytesToBase64(one.pkcs8) }));
    const content = { format: FORMAT, trustDomain: this.#trustDomain, certificates, jwtKeys, tables };
    const bytes = new TextEncoder().encode(JSON.stringify(content));
    return seal(bytes, await sealingKey(key, PURPOSE), this.#trustDomain);
  }

  /**
   * Takes the place of all that is here. No join token of the backup works any more, and no token of an issuer that was made before:
   * whether it was used since is not known.
   *
   * @returns in the error's place what is wrong, for the administrator
   */
  async restore(sealed: string, key: string, now: number): Promise<Result<null, string>> {
    const content = await this.#open(sealed, key);
    if (!content.ok) return content;
    const certificates = await Promise.all(content.value.certificates.map(async (one) => this.#stored(one, now)));
    const jwtKeys = content.value.jwtKeys?.flatMap(({ pkcs8: text, ...one }) => {
      const pkcs8 = base64ToBytes(text);
      return pkcs8 === null ? [] : [{ ...one, pkcs8 }];
    });
    const replaceJwtKeys = jwtKeys && (await this.#jwtKeys.replacedBy(jwtKeys));
    this.#storage.transactionSync(() => {
      replaceJwtKeys?.();
      this.#store.removeAll();
      this.#store.add(certificates);
      for (const name of TABLE_NAMES) this.#fill(name, content.value.tables[name]);
      this.#storage.sql.exec("UPDATE join_tokens SET used_at = ? WHERE used_at IS NULL", now);
      this.#storage.sql.exec("INSERT OR REPLACE INTO used_unknown (id, until) VALUES (1, ?)", now);
    });
    return ok(null);
  }

  async #open(sealed: string, key: string): Promise<Result<Content, string>> {
    let bytes: ArrayBuffer;
    try {
      bytes = await unseal(sealed, await sealingKey(key, PURPOSE), this.#trustDomain);
    } catch {
      const domain = this.#trustDomain;
      return err(
        `the backup does not open: the key is another one, it is not of trust domain ${domain}, or it was changed`,
      );
    }
    const content = Content.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return content.success ? ok(content.data) : err("the backup is of a version that this one does not read");
  }

  async #stored({ key, ...one }: Content["certificates"][number], now: number): Promise<StoredCa> {
    const pkcs8 = key === null ? null : base64ToBytes(key);
    const mayHaveSigned = one.role !== "root" && one.signsFrom <= now;
    return {
      ...one,
      lastEnds: mayHaveSigned ? Math.max(one.lastEnds ?? 0, now + LONGEST_LEAF_MS) : one.lastEnds,
      wrappedKey: pkcs8 === null ? null : await this.#keys.wrap(pkcs8),
      isOurs: pkcs8 !== null,
    };
  }

  #fill(name: Table, rows: readonly Readonly<Record<string, string | number | null>>[]): void {
    const { sql } = this.#storage;
    const columns = Object.keys(TABLES[name].shape);
    sql.exec(`DELETE FROM ${name}`);
    const statement = `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
    for (const row of rows) sql.exec(statement, ...columns.map((column) => row[column] ?? null));
  }
}
