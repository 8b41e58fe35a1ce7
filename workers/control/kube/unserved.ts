import { invalid } from "../../../src/kube/object-status.ts";
import { failure, type Status } from "../../../src/kube/status.ts";
import { refusedKind } from "../../../src/kinds/parse.ts";
import { readBytes } from "./body.ts";
import { type Ask, parsed } from "./request.ts";

/**
 * What a path is answered with that names nothing here. A write of a kind that exists elsewhere and is refused here says
 * so, as the kind's fields would; to everything else there is no such resource.
 */
export async function unserved(c: Ask): Promise<Status> {
  const none = failure("NotFound", "the server could not find the requested resource");
  if (!["POST", "PUT", "PATCH"].includes(c.req.method)) return none;
  const bytes = await readBytes(c.req.raw);
  const body = bytes.ok ? parsed(bytes.value, "yaml") : bytes;
  if (!body.ok) return none;
  const { apiVersion, kind, metadata } = Object(body.value) as Readonly<Record<string, unknown>>;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return none;
  const finding = refusedKind(apiVersion, kind);
  if (finding === null) return none;
  const { name, namespace } = Object(metadata) as Readonly<Record<string, unknown>>;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return invalid({ group, kind, namespace: text(namespace), name: text(name) }, [finding]);
}
