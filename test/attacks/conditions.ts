import { expect } from "vitest";
import type { AttackCase, Must } from "./corpus.ts";
import type { AttackedMesh, Hit, Reply } from "./fixture.ts";

/** What one request of a case led to. */
export interface Seen {
  readonly said: string;
  readonly reply: Reply;
  readonly hits: readonly Hit[];
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
  for (const name of must.response_headers_absent ?? []) expect(reply.headers[name], said).toBeUndefined();
  for (const host of must.no_fetch_to ?? []) notFetched(mesh, host, said);
  if (must.words !== undefined) HELD_WORDS.get(must.words)?.(seen, mesh);
}

/** The conditions that hold over all requests of a case. */
export function checkRun({ must, requests }: AttackCase, seen: readonly Seen[]): void {
  expect(seen).toHaveLength(requests.length);
  if (must.status_seq === undefined) return;
  expect(must.status_seq).toHaveLength(requests.length);
  const hits = seen.flatMap((one) => one.hits);
  checkHits(must, hits, seen.map(({ said }) => said).join("\n"));
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

function oneAtMost(hits: readonly Hit[], target: string, said: string): void {
  expect(hits.length, said).toBeLessThanOrEqual(1);
  for (const hit of hits) expect(hit.target, said).toBe(target);
}

function notFetched(mesh: AttackedMesh, host: string, said: string): void {
  expect(
    mesh.fetched.filter((url) => url.includes(host)),
    said,
  ).toEqual([]);
}
