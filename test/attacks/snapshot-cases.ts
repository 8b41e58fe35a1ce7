import { canonicalJson } from "../../src/snapshot/canonical.ts";
import type { Root, SignedRoot } from "../../src/snapshot/model.ts";
import { importSigningKey, MAX_ROOT_BYTES, signRoot } from "../../src/snapshot/signature.ts";
import { until } from "../support/until.ts";
import { bytesOf } from "./bytes.ts";
import { type AttackRequest, patienceOf } from "./corpus.ts";
import { type AttackedMesh, EDGE_PROOF } from "./fixture.ts";
import type { Numbered } from "./gateway-cases.ts";
import { demand, demandEqual, demandOneOf, NotCovered } from "./outcome.ts";
import { FORGED } from "./stand-ins.ts";
import { hostOf, namespaceOf } from "./worlds.ts";

/** A root in place of the one that control signed, and the code by which a gateway refuses it. */
interface Forgery {
  readonly root: SignedRoot;
  readonly code: string;
}

type Forger = (root: Root, signed: SignedRoot, mesh: AttackedMesh, index: number) => Promise<readonly Forgery[]>;

/** Signed as control signs, whatever it says. */
async function signedText(payload: string, mesh: AttackedMesh): Promise<SignedRoot> {
  const key = await importSigningKey(mesh.snapshotKey);
  const signature = await crypto.subtle.sign("Ed25519", key.key, new TextEncoder().encode(`tulle-root-v1\n${payload}`));
  return { payload, signature: Buffer.from(signature).toString("base64url"), keyId: key.id };
}

const newer = (root: Root, more: object = {}): Root => ({
  ...root,
  generation: root.generation + 1_000,
  issuedAt: Date.now(),
  ...more,
});

const FORGERS: ReadonlyMap<string, Forger> = new Map<string, Forger>([
  [
    "control publishes a 40 MB snapshot (limit 20 MB)",
    async (root, _, mesh) => {
      // Twice what a gateway takes: the sizes of the case are another mesh's.
      const padded = newer(root, { scopes: { ...root.scopes, padding: { x: "a".repeat(2 * MAX_ROOT_BYTES) } } });
      return [{ root: await signRoot(padded, await importSigningKey(mesh.snapshotKey)), code: "snapshot_oversized" }];
    },
  ],
  [
    "five bad snapshots in turn",
    async (root, signed, mesh) => {
      const good = canonicalJson(newer(root));
      const twice = good.replace('"gateway":', '"unknown":1,"gateway":');
      const format = canonicalJson(newer(root, { format: 99 }));
      const right = await signedText(good, mesh);
      return [
        { root: await signedText(twice, mesh), code: "snapshot_unreadable" },
        { root: await signedText(format, mesh), code: "snapshot_format" },
        {
          root: { ...right, payload: good.replace(/"generation":\d+/, '"generation":999999') },
          code: "snapshot_unsigned",
        },
        { root: { ...right, keyId: "0".repeat(16) }, code: "snapshot_key_unknown" },
        {
          root: await signedText(canonicalJson({ ...root, generation: root.generation - 1 }), mesh),
          code: "snapshot_older",
        },
        { root: { ...signed, signature: "" }, code: "snapshot_unsigned" },
      ];
    },
  ],
  [
    "a correctly signed snapshot of generation n-5 (before a DENY was added) is replayed",
    async (root, _, mesh, index) => {
      await openThenDeny(mesh, index);
      const [earlier] = await mesh.roots();
      demand(earlier !== undefined && generationOf(earlier) < root.generation + 1, "no older root was seen", "");
      return [{ root: earlier, code: "snapshot_older" }];
    },
  ],
]);

const generationOf = ({ payload }: SignedRoot): number => (JSON.parse(payload) as Root).generation;

/** Words that the trial below asserts by itself. */
const WORDS: ReadonlySet<string> = new Set([
  "gateway keeps the last good snapshot, reports snapshot_rejected{reason=size}, control refuses to publish it in the first place",
  "each refused; last good stays; metric with reason",
]);

/** The gateway had a root without the DENY, then one with it. */
async function openThenDeny(mesh: AttackedMesh, index: number): Promise<void> {
  const rules = [{ to: [{ operation: { paths: ["/admin", "/admin/*"] } }] }];
  const metadata = { name: "deny-admin", namespace: namespaceOf(index) };
  const policy = {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata,
    spec: { action: "DENY", rules },
  };
  const { status, text } = await mesh.apply(JSON.stringify(policy));
  demandEqual("the apply", status, 200, text);
  await mesh.settled(FORGED);
}

/** @throws where the case does not hold, or cannot be tried */
export async function runSnapshotCase({ attack, index }: Numbered, mesh: AttackedMesh): Promise<void> {
  const { setup = {}, requests, must } = attack;
  const forger = FORGERS.get(setup.words ?? "");
  if (forger === undefined) throw new NotCovered(`setup \`${setup.words}\``);
  if (must.words !== undefined && !WORDS.has(must.words)) throw new NotCovered(`condition \`${must.words}\``);
  await mesh.forge(null);
  await mesh.settled(FORGED);
  // Who serves the case's host has its slice.
  await send(mesh, { target: "/public/x", host: "api.test" }, index);
  const signed = (await mesh.roots()).at(-1);
  if (signed === undefined) throw new Error("the gateway has got no root");
  const forgeries = await forger(JSON.parse(signed.payload) as Root, signed, mesh, index);
  try {
    for (const { root, code } of forgeries) await refused(mesh, root, code, index);
    for (const request of requests) {
      const hits = mesh.echo.hits.length;
      const reply = await send(mesh, request, index);
      if (must.status !== undefined) demandOneOf("the status", reply.status, must.status, reply.body);
      if (must.upstream_hits !== undefined)
        demandEqual("calls of the service", mesh.echo.hits.length - hits, must.upstream_hits, reply.body);
    }
  } finally {
    await mesh.forge(null);
  }
}

/** It comes down, is refused with this code in log and status, and what is served stays. */
async function refused(mesh: AttackedMesh, root: SignedRoot, code: string, index: number): Promise<void> {
  const before = mesh.lines.length;
  await mesh.forge({ root });
  await until(`${code} in the log`, async () => {
    const { status, body } = await send(mesh, { target: "/public/x", host: "api.test" }, index);
    demandEqual("the status meanwhile", status, 200, body);
    return mesh.lines.slice(before).some((line) => line.includes("snapshot_rejected") && line.includes(code));
  });
  await until(`${code} in the mesh's status`, async () => {
    await send(mesh, { target: "/public/x", host: "api.test" }, index);
    return (await mesh.control("GET", "/api/v1/status")).text.includes(code);
  });
}

async function send(mesh: AttackedMesh, request: AttackRequest, index: number) {
  const signers = { authority: mesh.authority, issuer: mesh.issuer, now: () => mesh.now() };
  const bytes = await bytesOf({ ...request, host: request.host ?? hostOf(index) }, index, signers, [EDGE_PROOF]);
  return mesh.send(bytes, patienceOf({}), FORGED);
}
