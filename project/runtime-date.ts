import { createRequire } from "node:module";

/** The newest compatibility date that the runtime of the local mesh knows. */
export function runtimeDate(): string {
  // The runtime is miniflare's dependency, not ours: it is found from there.
  const require = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { compatibilityDate } = require("workerd") as { readonly compatibilityDate: string };
  return compatibilityDate;
}
