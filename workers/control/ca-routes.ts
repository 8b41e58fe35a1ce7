import { type Context, Hono } from "hono";
import {
  BACKUP_FORM,
  CaBackup,
  CaImport,
  CaRestore,
  CaRotation,
  IMPORT_FORM,
  RESTORE_FORM,
  REVOCATION_FORM,
  ROTATION_FORM,
  WantedRevocation,
} from "../../src/api/ca-bodies.ts";
import { parseSpiffeId } from "../../src/identity/spiffe-id.ts";
import { failure } from "../../src/kube/status.ts";
import { answer, type Api, needsPath, writerOf } from "./access.ts";
import type { Authority } from "./authority/authority.ts";
import type { IssuedCertificate } from "./authority/issued.ts";
import { auditLog } from "./db/audit.ts";
import { readJson } from "./json-body.ts";
import { pageSize } from "./whole-number.ts";

type Authorities = () => DurableObjectStub<Authority>;

const NO_STORE = { "cache-control": "no-store" };
const PAGE = 100;
const MAX_PAGE = 500;
/** 50,000 certificates that live, sealed. */
const MAX_BACKUP_BYTES = 24 * 1024 * 1024;

/** The mesh's authority, for its administrators: what lives, what rotates, what counts no more. */
export function caRoutes(authority: Authorities): Hono<Api> {
  const app = new Hono<Api>();
  for (const path of ["/ca", "/ca/*", "/certificates", "/revocations", "/revocations/*"]) app.use(path, needsPath);
  app.get("/ca", async (c) => c.json(await authority().status()));
  app.get("/certificates", async (c) => {
    const limit = pageSize(c.req.query("limit"), PAGE, MAX_PAGE);
    if (limit === null) return answer(c, failure("BadRequest", "limit: must be a whole number, and at least 1"));
    const after = placeOf(c.req.query("continue"));
    if (after === null) return answer(c, failure("BadRequest", "`continue` is not what a page before answered"));
    const spiffeId = c.req.query("spiffeId");
    const wanted = { limit, ...(after !== undefined && { after }), ...(spiffeId !== undefined && { spiffeId }) };
    const certificates = await authority().list(wanted);
    const last = certificates.at(-1);
    const next = certificates.length === limit && last !== undefined ? `${last.expiresAt}.${last.serial}` : null;
    return c.json({ certificates, continue: next });
  });
  app.post("/ca/rotate", async (c) => {
    const wanted = await readJson(c.req.raw, CaRotation, ROTATION_FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    const { what, afterSeconds } = wanted.value;
    await audited(c, "rotate-ca", [what]);
    const rotated = await authority().rotate(what, afterSeconds === undefined ? null : afterSeconds * 1_000);
    return rotated.ok ? c.json({ signsFrom: rotated.value }, 201) : answer(c, failure("Conflict", rotated.error));
  });
  app.post("/ca/csr", async (c) => {
    await audited(c, "request-ca", []);
    return c.body(await authority().csr(), 200, { ...NO_STORE, "content-type": "application/x-pem-file" });
  });
  app.post("/ca/import", async (c) => {
    const wanted = await readJson(c.req.raw, CaImport, IMPORT_FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    const { chain, afterSeconds } = wanted.value;
    await audited(c, "import-ca", []);
    const imported = await authority().import(chain, afterSeconds === undefined ? null : afterSeconds * 1_000);
    return imported.ok ? c.json({ signsFrom: imported.value }, 201) : answer(c, failure("Invalid", imported.error));
  });
  app.post("/ca/backup", async (c) => {
    const wanted = await readJson(c.req.raw, CaBackup, BACKUP_FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    await audited(c, "backup-ca", []);
    return c.json({ backup: await authority().backup(wanted.value.key) }, 200, NO_STORE);
  });
  app.post("/ca/restore", async (c) => {
    const wanted = await readJson(c.req.raw, CaRestore, RESTORE_FORM, MAX_BACKUP_BYTES);
    if (!wanted.ok) return answer(c, wanted.error);
    await audited(c, "restore-ca", []);
    const restored = await authority().restore(wanted.value.backup, wanted.value.key);
    return restored.ok ? c.json(await authority().status()) : answer(c, failure("Conflict", restored.error));
  });
  app.route("/", revocationRoutes(authority));
  return app;
}

function revocationRoutes(authority: Authorities): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/revocations", async (c) => c.json({ revocations: await authority().revocations() }));
  app.post("/revocations", async (c) => {
    const wanted = await readJson(c.req.raw, WantedRevocation, REVOCATION_FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    const what = revokedBy(wanted.value);
    if (typeof what === "string") return answer(c, failure("Invalid", what));
    await audited(c, "revoke", [targetOf(what)], wanted.value.reason);
    const revoked = await authority().revoke({ ...what, reason: wanted.value.reason });
    return revoked.ok ? c.json(revoked.value, 201) : answer(c, failure("Conflict", revoked.error));
  });
  app.delete("/revocations", async (c) => {
    const [serial, spiffeId] = [c.req.query("serial"), c.req.query("spiffeId")];
    const what = revokedBy({ ...(serial !== undefined && { serial }), ...(spiffeId !== undefined && { spiffeId }) });
    if (typeof what === "string") return answer(c, failure("BadRequest", what));
    await audited(c, "lift-revocation", [targetOf(what)]);
    if (await authority().lift(what.kind, what.value)) return c.body(null, 204);
    return answer(c, failure("NotFound", "this is not revoked"));
  });
  return app;
}

interface Revoked {
  readonly kind: "serial" | "id";
  readonly value: string;
}

/** As gateways compare it; or what is wrong. */
function revokedBy({
  serial,
  spiffeId,
}: {
  readonly serial?: string | undefined;
  readonly spiffeId?: string | undefined;
}): Revoked | string {
  if ((serial === undefined) === (spiffeId === undefined)) return "give one of `serial` and `spiffeId`";
  if (serial !== undefined) {
    const hex = serial
      .toLowerCase()
      .replaceAll(":", "")
      .replace(/^0+(?=.)/, "");
    return /^[0-9a-f]{1,40}$/.test(hex) ? { kind: "serial", value: hex } : "`serial` is no serial number in hex";
  }
  const id = parseSpiffeId(spiffeId ?? "");
  if (!id.ok) return `\`spiffeId\` is no SPIFFE ID: ${id.error.rule}`;
  return { kind: "id", value: `${id.value.trustDomain}${id.value.path}` };
}

function targetOf({ kind, value }: Revoked): string {
  return kind === "id" ? `spiffe://${value}` : `certificate/${value}`;
}

/** Told before it is done: without the audit it is not done (R27). */
async function audited(c: Context<Api>, verb: string, targets: readonly string[], reason?: string): Promise<void> {
  const detail = reason === undefined || reason === "" ? {} : { detail: { reason } };
  await auditLog(c.env.DB).add({ ...writerOf(c), verb, targets, at: Date.now(), ...detail });
}

/** @returns null where it is no place; undefined: the first page */
function placeOf(text: string | undefined): Pick<IssuedCertificate, "expiresAt" | "serial"> | null | undefined {
  if (text === undefined) return undefined;
  const [, expiresAt, serial] = /^(\d{1,15})\.([0-9a-f]{1,40})$/.exec(text) ?? [];
  return serial === undefined ? null : { expiresAt: Number(expiresAt), serial };
}
