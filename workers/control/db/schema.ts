import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** The one row of counters. `writer` is the id of the last write: what the other statements of its batch are guarded by. */
export const meta = sqliteTable("meta", {
  id: integer("id").primaryKey(),
  /** The store's one resourceVersion counter. */
  rv: integer("rv").notNull(),
  generation: integer("generation").notNull(),
  writer: text("writer").notNull(),
  /** The change log holds every change after this resourceVersion. */
  compacted: integer("compacted").notNull().default(0),
});

export const objects = sqliteTable(
  "objects",
  {
    group: text("grp").notNull(),
    kind: text("kind").notNull(),
    /** Empty for cluster-scoped kinds. */
    namespace: text("namespace").notNull(),
    name: text("name").notNull(),
    rv: integer("rv").notNull(),
    /** The whole object. */
    json: text("json").notNull(),
  },
  (table) => [primaryKey({ columns: [table.group, table.kind, table.namespace, table.name] })],
);

/** One row a changed object, for watches and Events; old ones are pruned. */
export const changes = sqliteTable(
  "changes",
  {
    rv: integer("rv").primaryKey(),
    generation: integer("generation").notNull(),
    /** ADDED, MODIFIED or DELETED. */
    type: text("type").notNull(),
    group: text("grp").notNull(),
    kind: text("kind").notNull(),
    namespace: text("namespace").notNull(),
    name: text("name").notNull(),
    /** After the change; of a deleted object its last state. */
    json: text("json").notNull(),
    /** JSON of the labels before the change: whether it left a selector. Null where the object was not there. */
    previousLabels: text("previous_labels"),
    /** Epoch ms. */
    at: integer("at").notNull(),
  },
  (table) => [index("changes_generation").on(table.generation)],
);

/** Every generation of the configuration: who made it, and how many objects it changed. */
export const generations = sqliteTable("generations", {
  generation: integer("generation").primaryKey(),
  /** Epoch ms. */
  at: integer("at").notNull(),
  actor: text("actor").notNull(),
  verb: text("verb").notNull(),
  changes: integer("changes").notNull(),
});

/** What each generation changed, kept: the configuration as of any of them can be put together again. */
export const revisions = sqliteTable(
  "revisions",
  {
    group: text("grp").notNull(),
    kind: text("kind").notNull(),
    namespace: text("namespace").notNull(),
    name: text("name").notNull(),
    generation: integer("generation").notNull(),
    /** ADDED, MODIFIED or DELETED. */
    type: text("type").notNull(),
    /** The object's configuration: without status and the store's own metadata. Null: it was deleted. */
    json: text("json"),
  },
  (table) => [
    primaryKey({ columns: [table.group, table.kind, table.namespace, table.name, table.generation] }),
    index("revisions_generation").on(table.generation),
  ],
);

/** Who did what: each row holds the hash of the one before it; triggers keep rows from being changed or deleted. */
export const audit = sqliteTable("audit", {
  /** From 1 without gaps: the last one is the chain's length. */
  id: integer("id").primaryKey(),
  /** Epoch ms. */
  at: integer("at").notNull(),
  actor: text("actor").notNull(),
  verb: text("verb").notNull(),
  /** JSON list of `group/Kind/namespace/name`. */
  targets: text("targets").notNull(),
  generation: integer("generation").notNull(),
  /** Empty in the first row. */
  previous: text("previous").notNull(),
  hash: text("hash").notNull(),
  /** By what the actor was known: `token/ID`, `session/ID`; null: the mesh itself, or nobody yet. */
  account: text("account"),
  /** JSON of whatever else there is to tell, each value a text; null: nothing. */
  detail: text("detail"),
});

export const tokens = sqliteTable(
  "tokens",
  {
    id: text("id").primaryKey(),
    /** SHA-256 of the token, hex. The token itself is nowhere. */
    hash: text("hash").notNull(),
    name: text("name").notNull(),
    role: text("role", { enum: ["viewer", "editor", "admin"] }).notNull(),
    /** The only namespace that it may touch; null: all. */
    namespace: text("namespace"),
    /** JSON list of permissions beside those of the role; null: none, as of tokens from before there were any. */
    permissions: text("permissions"),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
  },
  (table) => [uniqueIndex("tokens_hash").on(table.hash)],
);

/** API keys of services' clients. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text("id").primaryKey(),
    /** SHA-256 of the key, hex. The key itself is nowhere. */
    hash: text("hash").notNull(),
    namespace: text("namespace").notNull(),
    name: text("name").notNull(),
    plan: text("plan"),
    /** JSON. */
    labels: text("labels").notNull(),
    /** Epoch ms. */
    createdAt: integer("created_at").notNull(),
    /** Null: it does not end by itself. */
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
  },
  (table) => [
    uniqueIndex("api_keys_hash").on(table.hash),
    index("api_keys_namespace").on(table.namespace, table.createdAt),
  ],
);

/** Who signed in with an identity provider. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    /** SHA-256 of the session's token, hex. The token itself is nowhere. */
    hash: text("hash").notNull(),
    /** SHA-256 of what was signed of the provider's token, which makes one session; null: it may make more. */
    once: text("once"),
    issuer: text("issuer").notNull(),
    audience: text("audience").notNull(),
    subject: text("subject").notNull(),
    /** JSON: each claim that a rule named, with its values. What they give is asked at every request. */
    claims: text("claims").notNull(),
    /** The only namespace that it reaches; null: what the rules give. */
    wish: text("wish"),
    /** Epoch ms. */
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    revokedAt: integer("revoked_at"),
  },
  (table) => [uniqueIndex("sessions_hash").on(table.hash), uniqueIndex("sessions_once").on(table.once)],
);

/** Of the dashboard: what a browser's cookie stands for, and before that the code that is exchanged for it. */
export const browserSessions = sqliteTable(
  "browser_sessions",
  {
    id: text("id").primaryKey(),
    /** SHA-256 of the code, hex; null: it was exchanged, or there was none. */
    codeHash: text("code_hash"),
    /** SHA-256 of the cookie's value, hex; null: nobody has exchanged the code yet. */
    hash: text("hash"),
    /** Whose it is, as `Account.id` has it; it ends with that token or session. */
    account: text("account").notNull(),
    /** Epoch ms. Of a code when it ends, then when the session does. */
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [
    uniqueIndex("browser_sessions_code").on(table.codeHash),
    uniqueIndex("browser_sessions_hash").on(table.hash),
  ],
);

/** Gateway deployments that registered: what their roots are made for. */
export const deployments = sqliteTable("deployments", {
  gateway: text("gateway").primaryKey(),
  /** JSON of the binding's props, which the deployer wrote. */
  props: text("props").notNull(),
  registration: text("registration").notNull(),
  at: integer("at").notNull(),
});
