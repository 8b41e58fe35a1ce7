import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AttackCase,
  type AttackRequest,
  CONTROL_CLASSES,
  expanded,
  readCorpus,
  type TlsClient,
} from "./corpus.ts";
import { AttackedMesh, type Reply } from "./fixture.ts";
import { AttackIssuer } from "./tokens.ts";

const CORPUS = readCorpus().filter((attack) => !CONTROL_CLASSES.has(attack.class));
/** Settings of a case that this runner arranges, beside the base fixture. */
const ARRANGED = new Set([
  "base",
  "route only for api.test",
  "routes: secret.test and api.test both go to the echo service",
  "no AuthorizationPolicy anywhere; mesh default allow",
  "client address given by the platform: 203.0.113.7",
  "rule has fromParams [access_token]",
]);
const GATEWAY_MUSTS = new Set([
  "status",
  "upstream_hits",
  "upstream_hits_max",
  "upstream_path",
  "upstream_path_never",
  "upstream_headers",
  "upstream_headers_absent",
  "response_headers_absent",
  "no_fetch_to",
  "max_ms",
]);
/** Words of cases that the other conditions, or unit tests, hold already. */
const HELD_WORDS =
  /forwarded exactly|no subrequest may go to evil|or present only with the value|still-encoded path|redirect: manual|requestPrincipal is exactly|destination always comes from/;

/** Why a case is not run here, or null. */
function uncovered({ target, setup = {}, requests, must }: AttackCase): string | null {
  if (target === "compile") return (setup.document ?? setup.policies) ? null : "no document";
  if (target !== "gateway") return `target ${target}`;
  if (setup.words !== undefined && !ARRANGED.has(setup.words)) return `setup: ${setup.words}`;
  if (must.words !== undefined && !HELD_WORDS.test(must.words)) return `words: ${must.words}`;
  const other = Object.keys(must).find((name) => name !== "words" && !GATEWAY_MUSTS.has(name));
  if (other !== undefined) return `condition ${other}`;
  if (requests.some(({ generator, via, scheme }) => generator ?? via ?? scheme))
    return "a generator, or another way in";
  return null;
}

/** Its policies hold for all cases: it comes last. */
function isMeshWide({ setup }: AttackCase): boolean {
  return setup?.policies?.includes("namespace: mesh-root") ?? false;
}

/** Each case has a namespace and hosts of its own, so that all stand side by side and are waited for once. */
function own(text: string, index: number): string {
  return text
    .replaceAll(/namespace: prod\b/g, `namespace: p${index}`)
    .replaceAll(/\b(api|secret|admin|other|public|a|b|x)\.test\b/gi, (host) =>
      host.replace(/\.test$/i, `-c${index}.test`),
    )
    .replaceAll(/\bwww\.api-c/g, "api-c");
}

function world(index: number): string {
  const address = `10.${Math.floor(index / 250) + 1}.${index % 250}.1`;
  const hosts = ["api", "secret", "admin"].map((name) => `${name}-c${index}.test`);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: `p${index}` } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "api", namespace: `p${index}` },
      spec: { selector: { app: "api" }, ports: [{ name: "http", port: 80 }] },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: "api", namespace: `p${index}` },
      spec: { address, labels: { app: "api" }, serviceAccount: "api" },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "api", namespace: `p${index}` },
      spec: { hosts, gateways: ["mesh", "attacks/front"], http: [{ route: [{ destination: { host: "api" } }] }] },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

const BASE = `
apiVersion: v1
kind: Namespace
metadata: { name: attacks }
---
apiVersion: v1
kind: Namespace
metadata: { name: mesh-root }
---
apiVersion: v1
kind: Namespace
metadata: { name: dev }
---
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  rootNamespace: mesh-root
  egress: { allowedHosts: [issuer.test, b.test] }
  privateRanges: [{ range: 10.0.0.0/8, namespaces: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: attacks }
spec:
  selector: { istio: front }
  servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ["*"], tls: { mode: OPTIONAL_MUTUAL, credentialName: x } }]
`;

describe.skipIf(CORPUS.length === 0)("the attack corpus", () => {
  const issuer = new AttackIssuer();
  const waiting = new Map<string, string>();
  let mesh: AttackedMesh;

  beforeAll(async () => {
    mesh = await AttackedMesh.start(issuer.jwks);
    expect(await mesh.apply(BASE)).toMatchObject({ status: 200 });
    const worlds: string[] = [];
    const policies: string[] = [];
    for (const [index, attack] of CORPUS.entries()) {
      if (attack.target !== "gateway" || uncovered(attack) !== null) continue;
      worlds.push(world(index));
      if (attack.setup?.policies === undefined || isMeshWide(attack)) continue;
      const text = own(attack.setup.policies, index).replaceAll("issuer-c", "issuer");
      policies.push(JSON.stringify({ index, text }));
    }
    for (let at = 0; at < worlds.length; at += 100)
      expect(await mesh.apply(worlds.slice(at, at + 100).join("\n---\n"))).toMatchObject({ status: 200 });
    for (const packed of policies) {
      const { index, text } = JSON.parse(packed) as { index: number; text: string };
      const answer = await mesh.apply(text);
      if (answer.status !== 200) waiting.set(CORPUS[index]?.id ?? "", answer.text.slice(0, 300));
    }
    await settled();
  }, 120_000);

  /** Two exchanges later the gateway has what was applied. */
  async function settled(): Promise<void> {
    for (let exchange = 0; exchange < 2; exchange += 1) {
      await mesh.send("GET / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n");
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
  }

  afterAll(async () => {
    const by = new Map<string, { run: number; not: number }>();
    for (const attack of CORPUS) {
      const count = by.get(attack.class) ?? { run: 0, not: 0 };
      const not = uncovered(attack) !== null || waiting.has(attack.id);
      by.set(attack.class, not ? { ...count, not: count.not + 1 } : { ...count, run: count.run + 1 });
    }
    for (const [name, { run, not }] of by) console.log(`attacks, ${name}: ${run} run, ${not} not covered`);
    for (const [id, why] of waiting) console.log(`waits: ${id} ${why.replace(/^.*"message":"/, "").slice(0, 160)}`);
    await mesh.stop();
  });

  async function clientAuth(tls: TlsClient): Promise<Record<string, unknown>> {
    const seconds = Math.floor(Date.now() / 1_000);
    const at = (text: string | undefined) =>
      text === undefined ? undefined : (seconds + Number(text.replace("now", ""))) * 1_000;
    const { peer, uriSans, dnsSans: _, cn: __, notAfter, notBefore, certRFC9440, ...plain } = tls;
    const presented = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", ...plain };
    if (certRFC9440 !== undefined) return { ...presented, certRFC9440 };
    const uris = peer === undefined ? uriSans : [peer];
    if (uris === undefined) return { ...presented, certRFC9440: "" };
    const [after, before] = [at(notAfter), at(notBefore)];
    const leaf = await mesh.authority.issue({
      // A name that is no ASCII goes into the certificate as the bytes of its UTF-8.
      uris: uris.map((uri) => Buffer.from(uri).toString("latin1")),
      ...(after !== undefined && { notAfter: after }),
      ...(before !== undefined && { notBefore: before, notAfter: before + 1_000_000 }),
    });
    return { ...presented, certRFC9440: `:${Buffer.from(leaf).toString("base64")}:`, certRFC9440TooLarge: false };
  }

  /** The bytes of one request; null where it asks for something that cannot be made here. */
  async function bytesOf(request: AttackRequest, index: number): Promise<string | null> {
    const cf: Record<string, unknown> = { tlsVersion: "TLSv1.3" };
    if (request.tls !== undefined && request.tls !== null) cf["tlsClientAuth"] = await clientAuth(request.tls);
    const platform = [
      `MF-CF-Blob: ${JSON.stringify(cf)}`,
      ...(request.cf_connecting_ip === undefined ? [] : [`CF-Connecting-IP: ${request.cf_connecting_ip}`]),
    ];
    if (request.raw !== undefined) {
      const raw = own(expanded(request.raw), index);
      const end = raw.indexOf("\r\n");
      return `${raw.slice(0, end)}\r\n${platform.join("\r\n")}${raw.slice(end)}`;
    }
    // Times in tokens are whole seconds: none shall end between here and the check.
    if (request.jwt !== undefined) await earlyInSecond();
    const token = request.jwt === undefined ? "" : issuer.token(request.jwt, request.mutate);
    const second = request.jwt2 === undefined ? "" : issuer.token(request.jwt2);
    if (token === null || second === null) return null;
    const fields = (request.headers ?? []).map(
      ([name, value]) => `${name}: ${own(expanded(value), index).replaceAll("{jwt}", token)}`,
    );
    if (token !== "" && !JSON.stringify(request.headers ?? []).includes("{jwt}"))
      fields.push(`Authorization: Bearer ${token}`);
    const target = expanded(request.target ?? "/") + (second === "" ? "" : `?access_token=${second}`);
    const { body } = request;
    const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    const head = [
      `${request.method ?? "GET"} ${Buffer.from(target).toString("latin1")} HTTP/1.1`,
      `Host: ${own(request.host ?? "api.test", index)}`,
      "Connection: close",
      ...platform,
      ...fields,
      ...length,
    ];
    return `${head.join("\r\n")}\r\n\r\n${body ?? ""}`;
  }

  const gatewayCases = CORPUS.entries()
    .filter(([, attack]) => attack.target === "gateway" && uncovered(attack) === null)
    .map(([index, attack]) => ({ index, attack, id: attack.id, title: attack.title }))
    .toArray()
    .toSorted((a, b) => Number(isMeshWide(a.attack)) - Number(isMeshWide(b.attack)));

  it.each(gatewayCases)("$id $title", async ({ index, attack, id }) => {
    if (waiting.has(id)) return;
    const { must, setup } = attack;
    if (isMeshWide(attack)) {
      expect(await mesh.apply(own(setup?.policies ?? "", index))).toMatchObject({ status: 200 });
      await settled();
    }
    for (const request of attack.requests) {
      const bytes = await bytesOf(request, index);
      if (bytes === null) continue;
      const before = mesh.hits.length;
      const reply = await mesh.send(bytes);
      check(must, reply, before, bytes);
    }
  });

  function check(must: AttackCase["must"], reply: Reply, before: number, bytes: string): void {
    const hits = mesh.hits.slice(before);
    const said = `${bytes.slice(0, 200)} -> ${reply.status}, ${JSON.stringify(hits).slice(0, 400)}`;
    if (must.status) expect(must.status, said).toContain(reply.status);
    if (must.upstream_hits !== undefined) expect(hits.length, said).toBe(must.upstream_hits);
    if (must.upstream_hits_max !== undefined) expect(hits.length, said).toBeLessThanOrEqual(must.upstream_hits_max);
    for (const hit of hits) {
      if (must.upstream_path !== undefined) expect(hit.target, said).toBe(must.upstream_path);
      for (const never of must.upstream_path_never ?? []) expect(hit.target.split("?", 1)[0], said).not.toBe(never);
      for (const name of must.upstream_headers_absent ?? []) {
        // Node's own connection to the echo service has this one.
        if (name !== "connection") expect(ours(hit.headers, name), said).toBeUndefined();
      }
      for (const [name, value] of Object.entries(must.upstream_headers ?? {})) {
        const shown = name === "x-mesh-identity" ? hit.headers["x-forwarded-client-cert"] : hit.headers[name];
        expect(shown, said).toContain(value);
      }
    }
    for (const name of must.response_headers_absent ?? []) expect(reply.headers[name], said).toBeUndefined();
    for (const host of must.no_fetch_to ?? [])
      expect(
        mesh.fetched.some((url) => url.includes(host)),
        said,
      ).toBe(false);
  }

  /** What a client sent must be gone; what the gateway itself proved may stand there. */
  function ours(headers: Readonly<Record<string, string>>, name: string): string | undefined {
    const value = headers[name];
    return name === "x-forwarded-client-cert" && value?.startsWith("By=spiffe://") ? undefined : value;
  }

  const applied = CORPUS.filter((attack) => attack.target === "compile" && uncovered(attack) === null);
  it.each(applied.map((attack) => ({ attack, id: attack.id, title: attack.title })))(
    "$id $title",
    async ({ attack }) => {
      const text = attack.setup?.document ?? attack.setup?.policies ?? "";
      const answer = await mesh.apply(text.replaceAll("namespace: prod", "namespace: attacks"), true);
      if (attack.must.apply === "rejected") expect([400, 413, 422], answer.text).toContain(answer.status);
      if (attack.must.apply === "accepted") expect(answer.status, answer.text).toBe(200);
      if (attack.must.apply === undefined) {
        // Refused, or accepted with a warning: never in silence.
        expect(answer.status === 422 || answer.text.includes('"warnings":["'), answer.text).toBe(true);
      }
      expect(({} as Record<string, unknown>)["action"]).toBeUndefined();
    },
  );
});

async function earlyInSecond(): Promise<void> {
  const passed = Date.now() % 1_000;
  if (passed > 800) await new Promise((resolve) => setTimeout(resolve, 1_005 - passed));
}
