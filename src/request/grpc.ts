/** Status codes of gRPC by their names, in the order of their numbers. */
export const GRPC_CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** What each code, by its number, is in HTTP, as Envoy maps it. */
const HTTP_OF = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401] as const;

/** And back: what a client of gRPC is to make of an HTTP status (gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping"). */
const OF_HTTP: ReadonlyMap<number, number> = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
]);
const UNKNOWN = 2;

export function httpOfGrpc(code: number): number {
  return HTTP_OF[code] ?? 500;
}

export function grpcOfHttp(status: number): number {
  return OF_HTTP.get(status) ?? UNKNOWN;
}

/**
 * The content type in which a request for gRPC, or for gRPC-Web, is answered.
 *
 * @param contentType of the request
 * @returns null for any other request
 */
export function grpcAnswerType(contentType: string | undefined): string | null {
  const [type] = /^application\/grpc(?:-web(?:-text)?)?(?=$|[+; ])/.exec(contentType ?? "") ?? [];
  return type ?? null;
}
