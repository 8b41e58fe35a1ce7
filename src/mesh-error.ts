/** Names of the errors that a caller of Workers RPC gets from the mesh. Public: callers switch on them. */
export type MeshErrorName = "MeshDenied" | "MeshTimeout" | "MeshUnavailable" | "MeshUnsupported";

/** What a call by Workers RPC is rejected with where the mesh itself answers it. Any other error is the callee's own. */
export interface MeshError extends Error {
  readonly name: MeshErrorName;
  /** As over HTTP: 403, 503, 504. */
  readonly status: number;
  /** By which the operator finds the call in the log. */
  readonly requestId: string;
}

/** Told by its form: an error that came over Workers RPC is an instance of nobody's class. */
export function isMeshError(error: unknown): error is MeshError {
  if (!(error instanceof Error) || !("status" in error) || !("requestId" in error)) return false;
  const names: Readonly<Record<MeshErrorName, true>> = {
    MeshDenied: true,
    MeshTimeout: true,
    MeshUnavailable: true,
    MeshUnsupported: true,
  };
  return Object.hasOwn(names, error.name) && typeof error.status === "number" && typeof error.requestId === "string";
}
