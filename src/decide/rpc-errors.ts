import type { MeshErrorName } from "../mesh-error.ts";
import type { Answer } from "./answers.ts";

/**
 * The error that says over Workers RPC what an answer says over HTTP.
 *
 * @param answer of the gateway's own
 */
export function meshErrorOf({ status, body }: Answer): { readonly name: MeshErrorName; readonly message: string } {
  const text = typeof body === "string" ? body : "";
  return { name: nameOf(status), message: text === "" ? `the mesh answers with status ${status}` : text };
}

/** What is no refusal, no failure and no delay cannot be told by a call that returns a value: a redirect, a page, no route. */
function nameOf(status: number): MeshErrorName {
  if (status === 401 || status === 403) return "MeshDenied";
  if (status === 504) return "MeshTimeout";
  if (status === 429 || (status >= 500 && status !== NOT_IMPLEMENTED)) return "MeshUnavailable";
  return "MeshUnsupported";
}

const NOT_IMPLEMENTED = 501;
