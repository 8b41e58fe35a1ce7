import { gzipSync } from "node:zlib";
import { until, within } from "../support/until.ts";
import { makeKeys, withKeys } from "./api-keys.ts";
import type { Arrangement } from "./arrangement.ts";
import { arrangementOf, standingHosts } from "./arrangements.ts";
import { bindingCallOf, bytesOf, type Signers } from "./bytes.ts";
import { garbageSet } from "./certificates.ts";
import { checkAnswer, checkMetric, checkRequest, checkRun, checkWarning } from "./conditions.ts";
import { type AttackCase, type AttackRequest, patienceOf, timed } from "./corpus.ts";
import { AttackedMesh, EDGE_PROOF } from "./fixture.ts";
import { GENERATORS, isFlood, written } from "./generators.ts";
import { demand, NotCovered } from "./outcome.ts";
import type { Reply } from "./raw-answer.ts";
import { runtimeMb, type Seen, type Trial } from "./trial.ts";
import { heldBy, readsLog } from "./words.ts";
import { BASE, isMeshWide, meshConfig, namespaceOf, own, pathsOf, world } from "./worlds.ts";

export interface Numbered {
  readonly index: number;
  readonly attack: AttackCase;
}

/** So many at a time where a case sends a flood. */
const PARALLEL = 16;

/** Cases whose target is the gateway: each has a namespace and hosts of its own in one mesh, and is tried over raw sockets. */
export class GatewayCases {
  readonly mesh: AttackedMesh;
  readonly #oneIn: number;
  /** Why the policies of a case were refused. */
  readonly #refused = new Map<string, string>();
  /** What was answered where they were taken. */
  readonly #answered = new Map<string, string>();
  readonly #settled = new Set<string>(["gateway"]);

  private constructor(mesh: AttackedMesh, oneIn: number) {
    this.mesh = mesh;
    this.#oneIn = oneIn;
  }

  /** @param oneIn of what a case generates, one in so many is sent */
  static async start(cases: readonly Numbered[], oneIn: number): Promise<GatewayCases> {
    const mesh = await AttackedMesh.start();
    const started = new GatewayCases(mesh, oneIn);
    for (const [host, answers] of standingHosts(mesh.issuer.secondJwks)) mesh.outside.set(host, answers);
    try {
      await started.#arrange(cases);
    } catch (error) {
      await mesh.stop();
      throw error;
    }
    return started;
  }

  async #arrange(cases: readonly Numbered[]): Promise<void> {
    await this.#mustApply(BASE);
    const known = cases.filter(
      ({ attack }) => attack.target === "snapshot" || arrangementOf(attack.setup?.words) !== null,
    );
    for (let at = 0; at < known.length; at += 100) {
      const worlds = known.slice(at, at + 100).map(({ index }) => world(index));
      await this.#mustApply(worlds.join("\n---\n"));
    }
    const beside = known.filter(({ attack }) => !isAlone(attack));
    for (let at = 0; at < beside.length; at += 50) await this.#applyAll(beside.slice(at, at + 50));
    await this.mesh.settled();
  }

  async #mustApply(text: string): Promise<void> {
    const answer = await this.mesh.apply(text);
    if (answer.status !== 200) throw new Error(`what all cases share is refused: ${answer.text}`);
  }

  async stop(): Promise<void> {
    await this.mesh.stop();
  }

  /** @throws where the case does not hold, or cannot be tried */
  async run({ index, attack }: Numbered): Promise<void> {
    const { setup = {}, requests, must } = attack;
    const arrangement = arrangementOf(setup.words);
    if (arrangement === null) throw new NotCovered(`setup \`${setup.words}\``);
    if (setup.document !== undefined) throw new NotCovered("a document beside a gateway's policies");
    for (const { generator } of [...requests, setup])
      if (generator !== undefined && generator !== "slowloris-body" && !GENERATORS.has(generator))
        throw new NotCovered(`generator \`${generator}\``);
    for (const words of [must.words, must.invariant])
      if (words !== undefined && heldBy(words) === null) throw new NotCovered(`condition \`${words}\``);
    if (!isAlone(attack)) return this.#try({ index, attack }, arrangement);
    try {
      if (arrangement.mesh !== undefined) await this.#mustApplyConfig(arrangement.mesh);
      await this.#applyPolicies({ index, attack });
      await this.mesh.settled();
      await this.#try({ index, attack }, arrangement);
    } finally {
      await this.#clear({ index, attack });
    }
  }

  async #mustApplyConfig(changes: object): Promise<void> {
    const answer = await this.mesh.apply(JSON.stringify(meshConfig(changes)));
    demand(answer.status === 200, "the mesh's settings are refused", answer.text);
  }

  /** Nothing of a case that holds for all stays for the next ones. */
  async #clear({ index, attack }: Numbered): Promise<void> {
    await this.mesh.apply(JSON.stringify(meshConfig()));
    const text = own(attack.setup?.policies ?? "", index);
    for (const path of text === "" ? [] : pathsOf(text)) await this.mesh.control("DELETE", path);
    await this.mesh.settled();
  }

  /** In one go; where something is refused each by itself, since an apply is all or nothing. */
  async #applyAll(cases: readonly Numbered[]): Promise<void> {
    const texts = cases.map(({ index, attack }) => policiesOf(attack, index)).filter((text) => text !== "");
    const answer = texts.length === 0 ? null : await this.mesh.apply(texts.join("\n---\n"));
    if (answer?.status !== 200) {
      for (const one of cases) await this.#applyPolicies(one);
      return;
    }
    const { results } = JSON.parse(answer.text) as { readonly results: readonly { readonly namespace?: string }[] };
    for (const { index, attack } of cases) {
      const own = results.filter(({ namespace }) => namespace === namespaceOf(index));
      this.#answered.set(attack.id, JSON.stringify(own));
    }
  }

  async #applyPolicies({ index, attack }: Numbered): Promise<void> {
    const text = policiesOf(attack, index);
    if (text === "") return;
    const answer = await this.mesh.apply(text);
    if (answer.status !== 200) this.#refused.set(attack.id, answer.text);
    else this.#answered.set(attack.id, answer.text);
  }

  async #try({ index, attack }: Numbered, arrangement: Arrangement): Promise<void> {
    const { id, must } = attack;
    const { mesh } = this;
    const why = this.#refused.get(id);
    demand(why === undefined, "its policies are refused", why ?? "");
    checkWarning(must, this.#answered.get(id) ?? "");
    const { gateway = "gateway", behaviour = null } = arrangement;
    if (!this.#settled.has(gateway)) await mesh.settled(gateway);
    this.#settled.add(gateway);
    mesh.echo.behave(behaviour);
    try {
      const keys = await makeKeys(mesh, attack.setup?.keys ?? [], index);
      const running = new RunningCase(mesh, withKeys(attack, keys), index, arrangement, keys);
      await arrangement.before?.(running);
      mesh.echo.behave(behaviour);
      await running.requests(this.#oneIn);
      checkRun(running);
      for (const words of [must.words, must.invariant]) if (words !== undefined) await heldBy(words)?.(running);
      if (must.metric !== undefined) checkMetric(must.metric, await mesh.metrics());
    } finally {
      mesh.echo.behave(null);
      await mesh.resetClock();
    }
  }
}

/** One that changes what holds for others is tried by itself. */
function isAlone(attack: AttackCase): boolean {
  return isMeshWide(attack) || arrangementOf(attack.setup?.words)?.mesh !== undefined;
}

/** The policies of a case and what its setting asks for, in its own namespace; empty where there are none. */
export function policiesOf({ setup = {}, must }: AttackCase, index: number): string {
  const { jwksHost = "issuer.test", documents, policies: written } = arrangementOf(setup.words) ?? {};
  const policies = own(timed(setup.policies ?? policyNamedBy(must.words)), index).replaceAll(
    "https://issuer.test/jwks",
    `https://${jwksHost}/jwks`,
  );
  const more = documents?.(index) ?? [];
  const texts = [written?.(policies) ?? policies, ...more.map((document) => JSON.stringify(document))];
  return texts.filter((text) => text !== "").join("\n---\n");
}

/** A case that speaks of the rule that refused has one, also where it writes none. */
function policyNamedBy(words: string | undefined): string {
  if (words?.includes("rule name only in the log") !== true) return "";
  const rules = [{ to: [{ operation: { paths: ["/admin", "/admin/*"] } }] }];
  const spec = { selector: { matchLabels: { app: "api" } }, action: "DENY", rules };
  const metadata = `{name: deny-admin, namespace: prod}`;
  return `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: ${metadata}\nspec: ${JSON.stringify(spec)}\n`;
}

class RunningCase implements Trial {
  readonly attack: AttackCase;
  readonly index: number;
  readonly mesh: AttackedMesh;
  readonly seen: Seen[] = [];
  hits: Trial["hits"] = [];
  lines: Trial["lines"] = [];
  fetched: Trial["fetched"] = [];
  mirrored: Trial["mirrored"] = [];
  seconds = 0;
  grownMb = 0;
  readonly keys: Trial["keys"];
  readonly #arrangement: Arrangement;

  constructor(mesh: AttackedMesh, attack: AttackCase, index: number, arrangement: Arrangement, keys: Trial["keys"]) {
    this.mesh = mesh;
    this.keys = keys;
    this.attack = attack;
    this.index = index;
    this.#arrangement = arrangement;
  }

  /** What is printed comes a moment later than the answer. */
  get #asksLog(): boolean {
    const { words = "", logs_absent: absent } = this.attack.must;
    return absent !== undefined || readsLog(words);
  }

  get #signers(): Signers {
    const { mesh } = this;
    return { authority: mesh.authority, issuer: mesh.issuer, now: () => mesh.now(), body: namedBody };
  }

  /** Sends what the case asks for, and keeps what came of it. */
  async requests(oneIn: number): Promise<void> {
    const { mesh, attack } = this;
    const from = { hits: mesh.echo.hits.length, lines: mesh.lines.length };
    const outside = { fetched: mesh.outside.fetched.length, mirrored: mesh.outside.mirrored.length };
    const [startedAt, before] = [performance.now(), runtimeMb()];
    const requests = (await this.#garbage(written(attack.requests, oneIn))).filter(
      ({ explain, apply }) => explain !== true && apply !== true,
    );
    const flood = isFlood(attack.requests) && attack.requests.length > 0;
    if (flood) await this.#flood(requests);
    else for (const request of requests) await this.#next(request, attack.requests.length);
    this.seconds = (performance.now() - startedAt) / 1_000;
    this.grownMb = Math.round(runtimeMb() - before);
    const records = (): number =>
      mesh.lines.slice(from.lines).filter((line) => line.startsWith('{"event":"access"')).length;
    if (this.#asksLog && !flood && requests.length > 0) await until("its lines", () => records() >= requests.length);
    this.hits = mesh.echo.hits.slice(from.hits);
    this.lines = mesh.lines.slice(from.lines);
    this.fetched = mesh.outside.fetched.slice(outside.fetched);
    this.mirrored = mesh.outside.mirrored.slice(outside.mirrored);
  }

  /** Where a case names a set of bad certificates, each is a request. */
  async #garbage(requests: readonly AttackRequest[]): Promise<readonly AttackRequest[]> {
    const out: AttackRequest[] = [];
    for (const request of requests) {
      const { tls } = request;
      if (tls?.certRFC9440 !== "garbage-set") out.push(request);
      else
        for (const certRFC9440 of await garbageSet(this.mesh.authority, tls.uriSans?.[0] ?? ""))
          out.push({ ...request, tls: { ...tls, certRFC9440 } });
    }
    return out;
  }

  /** One after the other: what each leads to is told apart. */
  async #next(request: AttackRequest, count: number): Promise<void> {
    const { title, must } = this.attack;
    await this.#arrangement.beforeRequest?.(this, this.seen.length);
    const one = await this.send(request);
    const isGenerated = this.attack.requests.some(({ generator }) => generator !== undefined);
    if (isGenerated || count === 0) checkOne({ title, must }, one);
    else checkRequest({ title, must }, one, this.seen.length);
    this.seen.push(one);
  }

  async #flood(requests: readonly AttackRequest[]): Promise<void> {
    let at = 0;
    const { title, must } = this.attack;
    const worker = async (): Promise<void> => {
      for (let request = requests[at]; request !== undefined; request = requests[at]) {
        at += 1;
        const { bytes, reply } = await this.#sent(request);
        const one = { request, reply, said: `${bytes.slice(0, 200)} -> ${reply.status}`, hits: [], lines: [] };
        checkOne({ title, must }, one);
        this.seen.push(one);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  /** Times in tokens are whole seconds: a request is sent anew where the second turned meanwhile. */
  readonly send = async (request: AttackRequest): Promise<Seen> => {
    const { mesh } = this;
    for (;;) {
      const second = Math.floor(mesh.now() / 1_000);
      const [hitsBefore, linesBefore] = [mesh.echo.hits.length, mesh.lines.length];
      const { bytes, reply } = await this.#sent(request);
      if (request.jwt !== undefined && second !== Math.floor(mesh.now() / 1_000)) continue;
      if (this.#asksLog)
        await until("its line", () =>
          mesh.lines.slice(linesBefore).some((line) => line.startsWith('{"event":"access"')),
        );
      const [hits, lines] = [mesh.echo.hits.slice(hitsBefore), mesh.lines.slice(linesBefore)];
      const said = `${bytes.slice(0, 300)} -> ${reply.status} ${reply.body.slice(0, 100)}, ${JSON.stringify(hits).slice(0, 400)} ${mesh.lines.at(-1)}`;
      return { request, said, reply, hits, lines };
    }
  };

  async #sent(request: AttackRequest): Promise<{ readonly bytes: string; readonly reply: Reply }> {
    const { mesh, index } = this;
    const patience = patienceOf(this.attack.must);
    if (request.via === "service-binding") {
      const call = await bindingCallOf(request, index, this.#signers);
      const reply = await within("the answer over the binding", patience, mesh.sendByBinding(call));
      return { bytes: JSON.stringify(call), reply };
    }
    if (request.via !== undefined) throw new NotCovered(`way in \`${request.via}\``);
    const bytes = await bytesOf(request, index, this.#signers, [EDGE_PROOF]);
    const reply = await mesh.send(bytes, patience, this.#arrangement.gateway);
    return { bytes: bytes.subarray(0, 300).toString("latin1"), reply };
  }
}

/** What holds of each of many requests, of which hits are counted over all. */
function checkOne({ title, must }: Pick<AttackCase, "title" | "must">, seen: Seen): void {
  const { status, status_seq: _, upstream_hits: __, upstream_hits_max: ___, ...rest } = must;
  if (status !== undefined) demand(status.includes(seen.reply.status), `the status is ${seen.reply.status}`, seen.said);
  checkAnswer({ title, must: rest }, seen);
}

const bombs = new Map<string, Buffer>();

/** `gzip-bomb-1GiB`: compressed bodies of many members. */
function namedBody(name: string): Buffer | null {
  const [, kind = "", count, unit] = /^(gzip|deflate)-bomb-(\d+)(GiB|MiB)$/.exec(name) ?? [];
  if (kind === "") return null;
  if (kind !== "gzip") throw new NotCovered(`body \`${name}\``);
  const known = bombs.get(name);
  if (known !== undefined) return known;
  const member = gzipSync(Buffer.alloc(1_048_576 * 16));
  const bomb = Buffer.concat(Array.from({ length: (Number(count) * (unit === "GiB" ? 1_024 : 1)) / 16 }, () => member));
  bombs.set(name, bomb);
  return bomb;
}
