import { slowUploads } from "./slow-uploads.ts";
import { KEY_WORDS } from "./key-words.ts";
import { demand, demandEqual } from "./outcome.ts";
import type { Held, Seen, Trial } from "./trial.ts";
import { until } from "../support/until.ts";

const each =
  (check: (seen: Seen) => void): Held =>
  ({ seen }) => {
    for (const one of seen) check(one);
  };

const notFetched =
  (host: string): Held =>
  ({ fetched }) =>
    demand(!fetched.some((url) => url.includes(host)), `the mesh fetched from ${host}`, fetched.join(" "));

/** Nothing beside what the other conditions of the case say. */
const nothingMore: Held = () => undefined;

const HELD_WORDS: ReadonlyMap<string, Held> = new Map<string, Held>([
  ...KEY_WORDS,
  ["or present only with the value the gateway itself proved", nothingMore],
  ["not normalized: forwarded exactly as evaluated", nothingMore],
  [
    "exact match does not cover /admin/; the compiler must warn at apply time that an exact DENY leaves /admin/ open",
    nothingMore,
  ],
  // How long it takes is the bench's to measure; a hang is told from an answer everywhere.
  ["CPU for the match stays under 5 ms", nothingMore],
  [
    "requestPrincipal is exactly iss + '/' + sub; a policy on https://issuer.test/admin is not met; and a sub of issuer 'https://issuer.test/a' + 'b' cannot equal issuer 'https://issuer.test' + 'a/b' unless the policy also pins the issuer",
    ({ lines }) => {
      const principals = new Set(accessOf(lines).map((record) => record["request_principal"]));
      demandEqual("the principals", [...principals], ["https://issuer.test/x/../admin"], lines.join("\n"));
    },
  ],
  [
    "not read by policy",
    each(({ hits, lines, said }) => {
      demandEqual("calls of the service", hits.length, 1, said);
      for (const record of accessOf(lines)) demandEqual("the caller", record["source_principal"], null, said);
    }),
  ],
  [
    "body error is 400, not counted against the upstream's health",
    async ({ seen, send }) => {
      for (const { reply, said } of seen) demandEqual("the status", reply.status, 400, said);
      for (let at = 0; at < 10; at += 1) await send(seen[0]?.request ?? {});
      const { reply, said } = await send({ target: "/x", host: "api.test" });
      demandEqual("the status of a good request", reply.status, 200, said);
    },
  ],
  [
    "if the reference normalizer maps the path forwarded upstream to /admin or below, upstream_hits is 0; and normalize(normalize(p)) == normalize(p)",
    ({ hits }) => {
      for (const { target } of hits) {
        demand(!/^\/admin(?:\/|$)/.test(reference(target)), "the service is asked for /admin", target);
        demandEqual("normalized twice", reference(reference(target)), reference(target), target);
      }
    },
  ],
  [
    "breaker closed; legitimate request is 200",
    each(({ request, reply, said }) =>
      demandEqual("the status", reply.status, request.target === "/admin" ? 403 : 200, said),
    ),
  ],
  ["at most max_ejection_percent (default 10 %, at least one) ejected; others keep serving", onlyOneEjected],
  [
    "one JSON line per event; control characters escaped; a log parser counts exactly one record per request",
    each(({ lines, said }) => {
      demandEqual("records", accessOf(lines).length, 1, said);
      for (const line of lines) demand(!/\p{Cc}/u.test(line), "a control character", JSON.stringify(line));
    }),
  ],
  [
    "body is a fixed text plus a request id; rule name only in the log and in explain for admins",
    each(({ reply, lines, said }) => {
      demandEqual("the body", reply.body, "RBAC: access denied", said);
      demand((reply.headers["x-request-id"] ?? "") !== "", "no request id", said);
      const { policy } = accessOf(lines)[0] ?? {};
      demand(typeof policy === "string" && policy !== "", "the log names no policy", said);
      demand(!JSON.stringify(reply).includes(policy), `the answer names ${policy}`, said);
    }),
  ],
  [
    "invalid means a new trace; outside clients cannot force sampling",
    ({ hits, seen }) => {
      demand(hits.length > 0, "nothing reached the service", String(seen.at(-1)?.said));
      for (const { headers } of hits) {
        const trace = String(headers["traceparent"]);
        demand(
          /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/.test(trace) && !trace.includes("0".repeat(32)),
          "no new trace",
          trace,
        );
        demandEqual("tracestate", headers["tracestate"], undefined, trace);
      }
    },
  ],
  [
    "no subrequest may go to evil.test: building the upstream URL with new URL(path, base) turns //evil.test/x into host evil.test",
    notFetched("evil.test"),
  ],
  [
    "the regex sees the canonical, still-encoded path: %0a is three characters",
    ({ hits }) => {
      for (const { target } of hits) demand(target.includes("%0a"), "the path is decoded", target);
    },
  ],
  ["destination always comes from the snapshot; no_fetch_to 127.0.0.1", notFetched("127.0.0.1")],
  [
    "gateway passes the redirect through (redirect: manual)",
    each(({ reply, said }) => demandEqual("location", reply.headers["location"], "https://evil.test/", said)),
  ],
  [
    "value seen by policy and value sent upstream are the same string",
    ({ hits }) => {
      for (const { headers } of hits)
        demand(
          !(headers["x-role"] ?? "").split(/[,\s]+/).includes("admin") || headers["x-role"] === "user admin",
          "the denied role passes",
          JSON.stringify(headers),
        );
    },
  ],
  ["upstream never sees a request for /admin", ({ hits }) => onlyOne(hits, "/ws")],
  [
    "upstream gets at most one request, with exactly one length framing and body abc",
    ({ hits }) => {
      onlyOne(hits, "/x");
      for (const { headers, body } of hits) {
        const framings = ["content-length", "transfer-encoding"].filter((name) => name in headers);
        demandEqual("framings", framings.length, 1, JSON.stringify(headers));
        demandEqual("the body", body, "abc", JSON.stringify(headers));
      }
    },
  ],
  [
    "upstream sees one request; if forwarded, with its length",
    ({ hits }) => {
      onlyOne(hits, "/x");
      for (const { headers, body } of hits)
        if (body !== "") demandEqual("content-length", headers["content-length"], String(body.length), body);
    },
  ],
  [
    "both bodies equal; bodies over 64 KiB are not buffered and not retried",
    async ({ hits, send, mesh }) => {
      demandEqual("the bodies", new Set(hits.map(({ body }) => body)).size, 1, JSON.stringify(hits));
      mesh.echo.behave(() => ({ status: 503 }));
      const large = await send({ method: "POST", target: "/x", host: "api.test", body: "a".repeat(64 * 1_024 + 1) });
      demandEqual("calls with a large body", large.hits.length, 1, large.said);
      demandEqual("the status", large.reply.status, 503, large.said);
    },
  ],
  [
    "upstream hits <= 1,000 x 1.2 + 10/s x seconds (20 % budget)",
    ({ hits, seen, seconds }) => {
      const most = seen.length * 1.2 + 10 * (seconds + 1);
      demand(
        hits.length > seen.length && hits.length <= most,
        `${hits.length} calls`,
        `${seen.length} requests in ${seconds} s`,
      );
    },
  ],
  [
    "a prefix match ends at a segment border (Gateway API PathPrefix); the rewritten path is normalized and authorized after the rewrite",
    async ({ send }) => {
      for (const target of ["/api../admin", "/api%2e%2e/admin", "/api/../admin", "/api//../admin", "/apiadmin"]) {
        const { reply, hits, said } = await send({ target, host: "secret.test" });
        demand([400, 403, 404].includes(reply.status) && hits.length === 0, "a rewrite reaches /admin", said);
      }
      for (const target of ["/api", "/api/x"]) {
        const { reply, said } = await send({ target, host: "api.test" });
        demandEqual("the status of a good request", reply.status, 200, said);
      }
    },
  ],
  [
    "at most 10 pass for the same key; a missing or multi-valued key uses one shared strict bucket",
    ({ seen }) => {
      const passed = (isOne: boolean) =>
        seen.filter(({ request, reply }) => (request.headers?.length === 1) === isOne && reply.status === 200).length;
      demandEqual(
        "of one key, and of none or many",
        [passed(true), passed(false)],
        [10, 10],
        String(seen.at(-1)?.said),
      );
    },
  ],
  ["two separate buckets (length-prefixed or hashed JSON keys)", separateBuckets],
  ["no effect on counters", noEffectOnCounters],
  ["label values only from configuration; number of series <= 200 x routes", fewSeries],
  ["exposition format escapes", exposition],
  ["names policy prod/deny-admin, rule 0, generation, canonical path", explains],
  ["other requests keep p99 < 2 x baseline; upload cut at the configured request timeout with 408", slowUploads],
  [
    "body is streamed, never inflated by the gateway; memory growth < 5 MB",
    ({ hits, seen, grownMb }) => {
      const sent = Number(seen[0]?.hits[0]?.headers["content-length"] ?? 0);
      for (const { bytes } of hits) demandEqual("the bytes of the body", bytes, sent, String(seen[0]?.said));
      // What the runtime keeps for its streams is not told apart from what it keeps for bodies: inflated, it were 1,024.
      demand(grownMb < 100, `the runtime grew by ${grownMb} MB`, String(seen[0]?.said));
    },
  ],
]);

/** Words with a part that differs, or that say one thing in several ways. */
const PATTERNS: readonly (readonly [RegExp, (...parts: readonly string[]) => Held])[] = [
  [/^no_fetch_to (\S+)$/, (host = "") => notFetched(host)],
  [
    /^(?:the )?upstream (?:sees|gets) (?:at most one|one|exactly one) request$/,
    () =>
      ({ hits, attack }) =>
        demand(hits.length <= attack.requests.length, "more calls than requests", String(hits.length)),
  ],
];

/** The check of a condition in words, or null where nobody knows what it means. */
export function heldBy(words: string): Held | null {
  const known = HELD_WORDS.get(words);
  if (known !== undefined) return known;
  for (const [pattern, made] of PATTERNS) {
    const found = pattern.exec(words);
    if (found !== null) return made(...found.slice(1));
  }
  return null;
}

/** Whether a condition is about what the mesh prints, which comes a moment later than the answer. */
export function readsLog(words: string): boolean {
  return /^requestPrincipal is|no log line|^not read by policy|^one JSON line|rule name only in the log|ejected; others/.test(
    words,
  );
}

/** Records of the access log among what was printed. */
function accessOf(lines: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  return lines
    .filter((line) => line.startsWith('{"event":"access"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
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

function onlyOne(hits: Trial["hits"], target: string): void {
  demand(hits.length <= 1, "more than one request", JSON.stringify(hits));
  for (const hit of hits) demandEqual("the target", hit.target, target, JSON.stringify(hit));
}

/** Each of the two has all of its ten, and no more. */
async function separateBuckets({ seen, send }: Trial): Promise<void> {
  for (const { reply, said } of seen) demandEqual("the status", reply.status, 200, said);
  for (const { request } of seen.slice(0, 2)) {
    const { reply, said } = await send(request);
    demandEqual("the status of one more", reply.status, 429, said);
  }
}

/** Both requests counted as any other, so eight more pass; and neither brings the count back. */
async function noEffectOnCounters({ attack, send }: Trial): Promise<void> {
  const statuses: number[] = [];
  for (let at = 0; at < 10; at += 1) statuses.push((await send({ target: "/x", host: "api.test" })).reply.status);
  demandEqual("requests that pass beside the two", statuses, [...Array<number>(8).fill(200), 429, 429], attack.title);
  for (const request of attack.requests) {
    const { reply, said } = await send(request);
    demandEqual("the status once all is used", reply.status, 429, said);
  }
}

/** Of three endpoints at most one is out, for whoever poisoned it, and everybody is served. */
async function onlyOneEjected({ seen, send }: Trial): Promise<void> {
  for (const { request, reply, said } of seen)
    if (request.target !== "/poison") demandEqual("the status of another caller", reply.status, 200, said);
  const serving = new Set<unknown>();
  for (let at = 0; at < 30; at += 1) {
    const { reply, lines, said } = await send({ target: "/x", host: "api.test" });
    demandEqual("the status of a good request", reply.status, 200, said);
    serving.add(accessOf(lines)[0]?.["endpoint"]);
  }
  demand(serving.size >= 2, "more than one endpoint is out", [...serving].join(" "));
}

async function fewSeries({ mesh, seen, index }: Trial): Promise<void> {
  const text = await until("the metrics to hold what was sent", async () => {
    const metrics = await mesh.metrics();
    return requestsIn(metrics).some((line) => line.includes(`p${index}`)) ? metrics : null;
  });
  const series = requestsIn(text).filter((line) => line.includes(`p${index}`));
  demand(series.length > 0 && series.length <= 200, `${series.length} series`, series.slice(0, 5).join("\n"));
  const made = seen
    .slice(0, 200)
    .map(({ request }) => request.target ?? "")
    .filter((path) => path.length > 6);
  for (const path of made) demand(!text.includes(`"${path}"`), "a label is made up by a client", path);
}

const requestsIn = (text: string): readonly string[] =>
  text.split("\n").filter((line) => line.startsWith("istio_requests_total"));

/** Every line of what Prometheus reads is a comment or one series with one value. */
async function exposition({ mesh, send }: Trial): Promise<void> {
  await send({ target: "/x", host: "api.test" });
  await send({ raw: 'GET /x HTTP/1.1\r\nHost: a"}\\n up 0\r\nConnection: close\r\n\r\n' });
  const text = await until("metrics", () => mesh.metrics());
  const series =
    /^[a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (?:[-+]?[\d.]+(?:e[-+]?\d+)?|\+Inf|NaN)$/;
  for (const line of text.split("\n"))
    demand(line === "" || line.startsWith("#") || series.test(line), "a line that is none", JSON.stringify(line));
  demand(!/^\s*up /m.test(text), "a made-up series", text.slice(0, 500));
}

async function explains({ mesh, index }: Trial): Promise<void> {
  const facts = { host: `api-c${index}.test`, path: "/x/..//%61dmin" };
  const question = { facts, scope: "gw/*", as: "spiffe://mesh.example/ns/prod/sa/web" };
  const { status, text } = await mesh.control("POST", "/api/v1/explain", JSON.stringify(question), "application/json");
  demandEqual("the status", status, 200, text);
  const { generation } = JSON.parse(text) as { readonly generation?: unknown };
  demand(typeof generation === "number", "no generation", text);
  for (const part of [`p${index}/deny-admin`, '"/admin"', "rule 0"])
    demand(text.includes(part), `it does not name ${part}`, text);
}
