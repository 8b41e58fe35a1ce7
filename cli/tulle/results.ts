import { z } from "zod";
import { paint, type Style } from "./output.ts";

/** What a write did to one object. */
export const Result = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().nullish(),
  name: z.string(),
  action: z.string(),
  warnings: z.array(z.string()).optional(),
});
export type Result = z.infer<typeof Result>;

const STYLES: Readonly<Record<string, Style>> = {
  created: "green",
  configured: "yellow",
  deleted: "red",
  unchanged: "dim",
};

/** `virtualservice.networking.istio.io/reviews created`, as kubectl says it; with the namespace where that is not `default`. */
export function resultLine({ apiVersion, kind, namespace, name, action }: Result, isDryRun: boolean): string {
  const [group] = apiVersion.includes("/") ? apiVersion.split("/", 1) : [""];
  const place = namespace && namespace !== "default" ? ` (namespace ${namespace})` : "";
  const style = STYLES[action];
  const done = style === undefined ? action : paint(style, action);
  return `${resourceName(group ?? "", kind)}/${name} ${done}${place}${isDryRun ? " (dry run)" : ""}`;
}

export function resourceName(group: string, kind: string): string {
  return group === "" ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}
