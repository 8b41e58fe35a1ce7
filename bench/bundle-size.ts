import { gzipSync } from "node:zlib";
import { WORKERS } from "../project/built.ts";
import { bundleWorker } from "../project/bundle.ts";

/** Libraries that are too large for the data path; the bundler names each module's file above it. */
const UNWANTED = /^\/\/ node_modules\/((?:zod|drizzle-orm|@peculiar\/x509|@marcbachmann\/cel-js)\/\S+)/m;

/**
 * @returns KB (of 1,000 bytes) of the gateway's bundle as it is deployed, gzipped
 * @throws if one of the large libraries is in it
 */
export async function gatewayBundleKb(): Promise<number> {
  const text = await bundleWorker(WORKERS.gateway);
  const unwanted = UNWANTED.exec(text)?.[1];
  if (unwanted !== undefined) throw new Error(`the gateway's bundle holds ${unwanted}`);
  return gzipSync(await bundleWorker(WORKERS.gateway, true)).length / 1_000;
}
