import { expect } from "vitest";
import type { AttackCase, AttackRequest, Must } from "./corpus.ts";
import type { Hit } from "./echo.ts";
import type { AttackedMesh, Reply } from "./fixture.ts";

/** What one request of a case led to. */
export interface Seen {
  readonly request: AttackRequest;
  readonly said: string;
  readonly reply: Reply;
  readonly hits: readonly Hit[];
  /** What the mesh printed meanwhile. */
  readonly lines: readonly string[];
}

type Held = (seen: Seen, mesh: AttackedMesh) => void;

const nothingMore: Held = () => undefined;

/** A condition in words, by what it says: what holds of one request and its answer. */
export const HELD_WORDS: ReadonlyMap<string, Held> = new Map<string, Held>([
  // The other conditions of the case say as much.
  ["or present only with the value the gateway itself proved", nothingMore],
  ["not normalized: forwarded exactly as evaluated", nothingMore],
  [
    "requestPrincipal is exactly iss + '/' + sub; a policy on https://issuer.test/admin is not met; and a sub of issuer 'https://issuer.test/a' + 'b' cannot equal issuer 'https://issuer.test' + 'a/b' unless the policy also pins the issuer",
    nothingMore,
  ],
  // What is applied is refused, or accepted with a warning; never in silence.
  ["'path' is a typo of 'paths'; ignoring it would turn the rule into match-everything for ALLOW", nothingMore],
  ["an empty list must not mean 'any'", nothingMore],
  [
    "refused, or accepted with a warning that the star is literal (Istio has no middle star; {*} is the template form); never silently literal",
    nothingMore,
  ],
  ["refused, or accepted as namespace-wide with a warning (Istio); never mesh-wide, never silently", nothingMore],
  ["pseudo-headers and host are not addressable through request.headers; the compiler says so", nothingMore],
  [
    "https only, host on the egress allow-list, no IP literals, no userinfo, default ports; checked after URL canonicalization",
    nothingMore,
  ],
  ["names come from a fixed allow-list in the gateway's own config, looked up with an own-property check", nothingMore],
  [
    "a Worker cannot pin DNS: the rule is an allow-list of hosts chosen by the mesh admin, not of namespace users; documented",
    nothingMore,
  ],
  // A header that nothing reads: it is only passed on.
  ["not read by policy", nothingMore],
  ["body error is 400, not counted against the upstream's health", nothingMore],
  [
    "if the reference normalizer maps the path forwarded upstream to /admin or below, upstream_hits is 0; and normalize(normalize(p)) == normalize(p)",
    ({ said, hits }) => {
      for (const { target } of hits) {
        expect(reference(target), said).not.toMatch(/^\/admin(\/|$)/);
        expect(reference(reference(target)), said).toBe(reference(target));
      }
    },
  ],
  [
    "breaker closed; legitimate request is 200",
    ({ said, request, reply }) => expect(reply.status, said).toBe(request.target === "/admin" ? 403 : 200),
  ],
  [
    "one JSON line per event; control characters escaped; a log parser counts exactly one record per request",
    ({ said, lines }) => {
      const records = lines.map((line) => JSON.parse(line) as { event: string });
      expect(records.filter(({ event }) => event === "access").length, said).toBe(1);
      for (const line of lines) expect(hasControls(line), said).toBe(false);
    },
  ],
  [
    "body is a fixed text plus a request id; rule name only in the log and in explain for admins",
    ({ said, reply }) => expect(reply.body, said).toBe("RBAC: access denied"),
  ],
  [
    "invalid means a new trace; outside clients cannot force sampling",
    ({ said, hits }) => {
      for (const { headers } of hits) {
        expect(headers["traceparent"], said).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
        expect(headers["traceparent"], said).not.toContain("00000000000000000000000000000000");
        expect(headers["tracestate"], said).toBeUndefined();
      }
    },
  ],
  // How long it takes is the bench's to measure; a hang is told from an answer everywhere.
  ["CPU for the match stays under 5 ms", nothingMore],
  [
    "no subrequest may go to evil.test: building the upstream URL with new URL(path, base) turns //evil.test/x into host evil.test",
    ({ said }, mesh) => notFetched(mesh, "evil.test", said),
  ],
  [
    "the regex sees the canonical, still-encoded path: %0a is three characters",
    ({ said, hits }) => {
      for (const hit of hits) expect(hit.target, said).toContain("%0a");
    },
  ],
  [
    "destination always comes from the snapshot; no_fetch_to 127.0.0.1",
    ({ said }, mesh) => notFetched(mesh, "127.0.0.1", said),
  ],
  [
    "gateway passes the redirect through (redirect: manual)",
    ({ said, reply }) => expect(reply.headers["location"], said).toBe("https://evil.test/"),
  ],
  [
    "value seen by policy and value sent upstream are the same string",
    ({ said, hits }) => {
      for (const hit of hits) expect([hit.headers["x-role"]], said).not.toContain("admin");
    },
  ],
  ["upstream never sees a request for /admin", ({ said, hits }) => oneAtMost(hits, "/ws", said)],
  [
    "upstream gets at most one request, with exactly one length framing and body abc",
    ({ said, hits }) => {
      oneAtMost(hits, "/x", said);
      for (const { headers, body } of hits) {
        expect(["content-length", "transfer-encoding"].filter((name) => name in headers).length, said).toBe(1);
        expect(body, said).toBe("abc");
      }
    },
  ],
  [
    "upstream sees one request; if forwarded, with its length",
    ({ said, hits }) => {
      oneAtMost(hits, "/x", said);
      for (const { headers, body } of hits) {
        if (body !== "") expect(headers["content-length"], said).toBe(String(body.length));
      }
    },
  ],
]);

/** The conditions that hold for each request of a case. */
export function checkRequest(must: Must, seen: Seen, at: number, mesh: AttackedMesh): void {
  const { reply, hits, said } = seen;
  const status = must.status_seq?.[at] ?? must.status;
  if (status) expect(status, said).toContain(reply.status);
  if (must.status_seq === undefined) checkHits(must, hits, said);
  for (const hit of hits) checkHit(must, hit, said);
  checkReply(must, seen);
  for (const host of must.no_fetch_to ?? []) notFetched(mesh, host, said);
  for (const words of [must.words, must.invariant]) if (words !== undefined) HELD_WORDS.get(words)?.(seen, mesh);
}

/** The conditions that hold over all requests of a case, of which `fetches` were made meanwhile. */
export function checkRun({ must, requests }: AttackCase, seen: readonly Seen[], fetches: readonly string[]): void {
  expect(seen.length).toBeGreaterThanOrEqual(requests.length);
  if (must.jwks_fetches_max !== undefined) expect(fetches.length).toBeLessThanOrEqual(must.jwks_fetches_max);
  if (must.status_seq === undefined) return;
  expect(must.status_seq).toHaveLength(requests.length);
  const hits = seen.flatMap((one) => one.hits);
  checkHits(must, hits, seen.map(({ said }) => said).join("\n"));
}

function checkReply(must: Must, { request, reply: { headers }, said }: Seen): void {
  for (const [name, value] of Object.entries(must.response_headers ?? {})) expect(headers[name], said).toBe(value);
  for (const name of must.response_headers_absent ?? []) expect(headers[name], said).toBeUndefined();
  for (const [name, value] of Object.entries(must.response_headers_not ?? {}))
    expect(headers[name] ?? "", said).not.toContain(value);
  const origin = request.headers?.find(([name]) => name.toLowerCase() === "origin")?.[1];
  if (origin !== undefined && origin === must.response_headers_absent_for_origin)
    expect(headers["access-control-allow-origin"], said).toBeUndefined();
}

function checkHits(must: Must, hits: readonly Hit[], said: string): void {
  if (must.upstream_hits !== undefined) expect(hits.length, said).toBe(must.upstream_hits);
  if (must.upstream_hits_max !== undefined) expect(hits.length, said).toBeLessThanOrEqual(must.upstream_hits_max);
}

function checkHit(must: Must, hit: Hit, said: string): void {
  if (must.upstream_path !== undefined) expect(hit.target, said).toBe(must.upstream_path);
  for (const never of must.upstream_path_never ?? []) expect(hit.target.split("?", 1)[0], said).not.toBe(never);
  for (const name of must.upstream_headers_absent ?? []) {
    // The forwarder's own connection to the echo service has this one.
    if (name !== "connection") expect(fromClient(hit.headers, name), said).toBeUndefined();
  }
  for (const [name, value] of Object.entries(must.upstream_headers ?? {})) {
    const shown = name === "x-mesh-identity" ? hit.headers["x-forwarded-client-cert"] : hit.headers[name];
    expect(shown, said).toContain(value);
  }
}

/** What a client sent must be gone; what the gateway itself proved may stand there. */
function fromClient(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  const value = headers[name];
  return name === "x-forwarded-client-cert" && value?.startsWith("By=spiffe://") ? undefined : value;
}

/** A path as the most lenient of services reads it: all is decoded, both slashes part, parameters end a segment. */
function reference(path: string): string {
  const decoded = path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const segments: string[] = [];
  for (const segment of decoded.split(/[/\\]+/).map((text) => text.split(";", 1)[0] ?? "")) {
    if (segment === "..") segments.pop();
    else if (segment !== "." && segment !== "") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}

/** C0, DEL or C1, raw, with which a log line could look like two. */
function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function oneAtMost(hits: readonly Hit[], target: string, said: string): void {
  expect(hits.length, said).toBeLessThanOrEqual(1);
  for (const hit of hits) expect(hit.target, said).toBe(target);
}

function notFetched(mesh: AttackedMesh, host: string, said: string): void {
  expect(
    mesh.outside.fetched.filter((url) => url.includes(host)),
    said,
  ).toEqual([]);
}
