import type { z } from "zod";
import { emptyMap, never, strict } from "./fields.ts";
import type { Report } from "./report.ts";

const NO_PROCESS = never("there is no sidecar process to configure; a gateway's settings are its deployment's");

/** Nothing that it could say works here; one that says nothing is taken, as tools make it. */
export const ProxyConfig = strict(
  { selector: strict({ matchLabels: emptyMap(NO_PROCESS) }).exactOptional() },
  { concurrency: NO_PROCESS, environmentVariables: NO_PROCESS, image: NO_PROCESS },
);

export function checkProxyConfig(_spec: z.infer<typeof ProxyConfig>, report: Report): void {
  report.warn("has no effect: there is no sidecar process to configure", "TULLE0003");
}
