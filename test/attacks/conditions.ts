import type { AttackCase, Must } from "./corpus.ts";
import type { Hit } from "./echo.ts";
import { demand, demandEqual, demandOneOf, NotCovered } from "./outcome.ts";
import type { Reply } from "./raw-answer.ts";
import type { Seen, Trial } from "./trial.ts";
import { own } from "./worlds.ts";

/** What a warning of `warn_at_apply` says in this project's words. */
const WARNINGS: ReadonlyMap<string, RegExp> = new Map([
  ["deny-without-rules", /without rules|no rules/],
  ["deny-exact-without-subtree", /subtree|leaves .*\/ .*open|below it/],
]);

/** How much more the runtime may grow than a case allows: it frees what it no longer needs when it likes. */
const MEMORY_SLACK_MB = 40;

/** What a case says of its answers. */
type Said = Pick<AttackCase, "title" | "must">;

/** The conditions that hold for each request of a case. */
export function checkRequest({ title, must }: Said, seen: Seen, at: number): void {
  const { reply, hits, said } = seen;
  const status = must.status_seq?.[at] ?? must.status;
  if (status) demandOneOf("the status", reply.status, status, said);
  if (must.status_seq === undefined) checkHits(must, hits, said);
  checkAnswer({ title, must }, seen);
}

/** What holds of each answer, however many requests there are. */
export function checkAnswer({ title, must }: Said, { request, reply, said }: Seen): void {
  checkReply({ title, must }, reply, said);
  const origin = request.headers?.find(([name]) => name.toLowerCase() === "origin")?.[1];
  if (origin !== undefined && origin === must.response_headers_absent_for_origin)
    demandEqual("access-control-allow-origin", reply.headers["access-control-allow-origin"], undefined, said);
}

/** The conditions that hold over all requests of a case. */
export function checkRun(trial: Trial): void {
  const { attack, seen, hits, lines } = trial;
  const { must, requests } = attack;
  const said = `${seen.length} requests, last ${seen.at(-1)?.said}`;
  const isGenerated = requests.some(({ generator }) => generator !== undefined);
  for (const hit of hits) checkHit(must, hit, trial, said);
  if (isGenerated || must.status_seq !== undefined) checkHits(must, hits, said);
  checkCounts(
    must,
    seen.map(({ reply }) => reply.status),
    said,
  );
  checkFetches(trial, said);
  for (const absent of must.logs_absent ?? [])
    for (const line of lines) demand(!line.includes(absent), `the log shows ${absent}`, line);
  if (must.status_seq !== undefined) demandEqual("status_seq has", must.status_seq.length, requests.length, said);
  if (must.memory_mb_max !== undefined)
    demand(trial.grownMb <= must.memory_mb_max + MEMORY_SLACK_MB, `the runtime grew by ${trial.grownMb} MB`, said);
  checkMirrored(trial, said);
}

function checkFetches({ attack: { must }, fetched }: Trial, said: string): void {
  for (const host of must.no_fetch_to ?? [])
    demand(!fetched.some((url) => url.includes(host)), `the mesh fetched from ${host}`, said);
  if (must.no_fetch === true) demandEqual("fetched", fetched, [], said);
  if (must.jwks_fetches_max !== undefined) {
    const count = fetched.filter((url) => url.includes("jwks")).length;
    demand(count <= must.jwks_fetches_max, `the key set is fetched ${count} times`, said);
  }
}

/** The codes of a whole run. */
export function checkCounts(must: Must, codes: readonly number[], said: string): void {
  const count = (code: string): number => codes.filter((one) => String(one) === code).length;
  for (const exact of [must.status_counts, must.status_multiset]) {
    if (exact === undefined) continue;
    for (const [code, wanted] of Object.entries(exact)) demandEqual(`the count of ${code}`, count(code), wanted, said);
    demandEqual(
      "other codes",
      codes.filter((code) => !(String(code) in exact)),
      [],
      said,
    );
  }
  for (const [code, most] of Object.entries(must.status_multiset_max ?? {}))
    demand(count(code) <= most, `${count(code)} answers are ${code}`, said);
}

/** Must-conditions on an answer alone, of whoever gave it. */
export function checkReply({ title, must }: Said, { status, headers, body }: Reply, said: string): void {
  for (const [name, value] of Object.entries(must.response_headers ?? {}))
    demandEqual(name, headers[name.toLowerCase()], value, said);
  for (const name of must.response_headers_present ?? [])
    if (isOf(title, name, status)) demand(headers[name.toLowerCase()] !== undefined, `no ${name}`, said);
  for (const name of must.response_headers_absent ?? [])
    demandEqual(name, headers[name.toLowerCase()], undefined, said);
  for (const [name, value] of Object.entries(must.response_headers_not ?? {}))
    demand(!(headers[name.toLowerCase()] ?? "").includes(value), `${name} has ${value}`, said);
  for (const absent of must.body_absent ?? []) demand(!body.includes(absent), `the body shows ${absent}`, body);
}

/** Whether a header must be in answers of a status: in all, but where the title says of which it is, as "… is 429 with Retry-After" does. */
function isOf(title: string, name: string, status: number): boolean {
  const [, code, header = ""] = /\bis (\d{3}) with ([\w-]+)$/.exec(title) ?? [];
  return header.toLowerCase() !== name.toLowerCase() || String(status) === code;
}

function checkHits(must: Must, hits: readonly Hit[], said: string): void {
  if (must.upstream_hits !== undefined) demandEqual("calls of the service", hits.length, must.upstream_hits, said);
  if (must.upstream_hits_max !== undefined)
    demand(hits.length <= must.upstream_hits_max, `${hits.length} calls of the service`, said);
}

function checkHit(must: Must, hit: Hit, { index }: Trial, said: string): void {
  if (must.upstream_path !== undefined)
    demandEqual("the service's path", hit.target.split("?", 1)[0], must.upstream_path.split("?", 1)[0], said);
  if (must.upstream_target !== undefined) demandEqual("the service's target", hit.target, must.upstream_target, said);
  for (const never of must.upstream_path_never ?? [])
    demand(![hit.target, hit.target.split("?", 1)[0]].includes(never), `the service sees ${never}`, said);
  for (const name of must.upstream_headers_absent ?? []) {
    // The forwarder's own connection to the echo service has this one.
    if (name !== "connection") demandEqual(name, fromClient(hit.headers, name), undefined, said);
  }
  for (const [name, value] of Object.entries(must.upstream_headers ?? {})) {
    if (name === "x-mesh-identity")
      demand(shownIdentity(hit).includes(value), "the caller's identity is not shown", said);
    else demandEqual(name, hit.headers[name.toLowerCase()], own(value, index), said);
  }
  for (const [name, value] of Object.entries(must.upstream_headers_not ?? {}))
    demand(!(fromClient(hit.headers, name) ?? "").includes(value), `the service sees ${name}: ${value}`, said);
}

/** One line, and one element of it: what a client wrote must not stand beside. */
function shownIdentity({ headers }: Hit): readonly string[] {
  return (headers["x-forwarded-client-cert"] ?? "")
    .split(";")
    .filter((part) => part.startsWith("URI="))
    .map((part) => part.slice("URI=".length));
}

function checkMirrored({ attack: { must }, mirrored }: Trial, said: string): void {
  if (must.mirror_headers_absent === undefined) return;
  demand(mirrored.length > 0, "nothing is mirrored", said);
  for (const headers of mirrored)
    for (const name of must.mirror_headers_absent) demandEqual(name, fromClient(headers, name), undefined, said);
}

/** What a client sent must be gone; what the gateway itself proved may stand there. */
function fromClient(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return name.toLowerCase() === "x-forwarded-client-cert" && value?.startsWith("By=spiffe://") ? undefined : value;
}

/** @param text what the API answered */
export function checkWarning({ warn_at_apply: code }: Must, text: string): void {
  if (code === undefined) return;
  const pattern = WARNINGS.get(code);
  if (pattern === undefined) throw new NotCovered(`no warning \`${code}\``);
  demand(pattern.test(text), `no warning ${code}`, text);
}

/**
 * @param metric a series as Prometheus writes it: name, and labels that it has at least; prefixes of a mesh's name are left out
 * @param text the mesh's metrics
 */
export function checkMetric(metric: string, text: string): void {
  const [, name = "", labels = ""] = /^([\w:]+)(?:\{(.*)\})?/.exec(metric) ?? [];
  const bare = name.replace(/^(?:mesh|gateway|tulle)_/, "");
  const series = text.split("\n").filter((line) => line.split(/[{ ]/, 1)[0]?.endsWith(bare) === true);
  if (series.length === 0) throw new NotCovered(`no metric \`${metric}\``);
  const wanted = labels.split(",").map((label) => label.trim().replace(/=(?!")(.*)$/, '="$1"'));
  const counted = series.filter((line) => wanted.every((label) => line.includes(label)) && !line.endsWith(" 0"));
  demand(counted.length > 0, `nothing counted by ${metric}`, series.join("\n"));
}
