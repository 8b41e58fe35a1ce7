/**
 * Methods that the runtime hands to a Worker and that it can send on, to a binding and over the network alike: RFC 9110,
 * WebDAV (RFC 4918, 3253, 3744, 5323), HTTPU's and PURGE, and QUERY. It answers 501 to all others before a Worker sees them.
 * TRACE and CONNECT never pass (R5).
 */
export const METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "QUERY",
  "PURGE",
  "COPY",
  "LOCK",
  "MKCOL",
  "MOVE",
  "PROPFIND",
  "PROPPATCH",
  "SEARCH",
  "UNLOCK",
  "ACL",
  "REPORT",
  "MKACTIVITY",
  "CHECKOUT",
  "MERGE",
  "NOTIFY",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
]);
