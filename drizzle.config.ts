import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./workers/control/db/schema.ts",
  out: "./migrations",
  // Tables of the platform, which a generated migration would drop.
  tablesFilter: ["!d1_migrations", "!_cf_*"],
});
