import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { kCurrentWorker } from "miniflare";
import { defineConfig } from "vitest/config";
import { COMPATIBILITY_DATE, GATEWAY_FLAGS, STATE_OBJECTS } from "./edge/miniflare-workers.ts";

const snapshotKey = generateKeyPairSync("ed25519");

/** Runs the gateway's and the state Worker's files where they run in production. */
const workerd = cloudflareTest({
  main: "./test/workerd/support/main.ts",
  miniflare: {
    compatibilityDate: COMPATIBILITY_DATE,
    // The test runner itself needs what gateways do without.
    compatibilityFlags: GATEWAY_FLAGS.filter((flag) => flag !== "no_nodejs_compat"),
    cf: false,
    durableObjects: {
      ...STATE_OBJECTS,
      REQUESTS: { className: "Requests", useSQLite: true },
    },
    serviceBindings: {
      CONTROL: { name: kCurrentWorker, entrypoint: "Control" },
      STATE: { name: kCurrentWorker, entrypoint: "Wire", props: { gateway: "gateway" } },
      EP_A: { name: kCurrentWorker, entrypoint: "Service", props: { name: "a" } },
      EP_A__export: { name: kCurrentWorker, entrypoint: "Service", props: { name: "a's export" } },
      // Nobody listens there.
      EP_GONE: { external: { address: "127.0.0.1:9", http: {} } },
      EP_B: { name: kCurrentWorker, entrypoint: "Service", props: { name: "b" } },
    },
    bindings: {
      GATEWAY_NAME: "gateway",
      TULLE_LOCAL: "1",
      SNAPSHOT_KEYS: JSON.stringify([snapshotKey.publicKey.export({ format: "jwk" }).x]),
      SNAPSHOT_PRIVATE_KEY: snapshotKey.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    },
  },
});

export default defineConfig({
  test: {
    // A bound on what hangs, and longer than a test waits for any event: who waits in vain says for what.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Tests start real runtimes, and wait for them a quarter of their time: so one more than there are cores of the smallest machine.
    maxWorkers: 3,
    globalSetup: ["test/support/bundles.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          // The files of a worker share its modules: to load them anew for each is a third of the whole run. What a file
          // puts in place of something is taken away where it ends.
          isolate: false,
          // Programs that tests start, start in two thirds of the time where they are kept compiled.
          env: { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
          setupFiles: ["test/support/put-back.ts"],
          include: ["test/**/*.test.ts"],
          // What drives system tools runs by `npm run test:tools`, which lists a missing tool; what takes long, and long
          // counts of the rest, by `npm run test:long`.
          exclude: ["test/tools/**", "test/workerd/**", "test/**/*.long.test.ts", "node_modules/**"],
        },
      },
      { extends: true, plugins: [workerd], test: { name: "workerd", include: ["test/workerd/**/*.test.ts"] } },
    ],
  },
});
