import { eventLine } from "../../src/telemetry/event-line.ts";
import { auditLog } from "./db/audit.ts";

interface Issue {
  /** What proved who it is. */
  readonly by: string;
  readonly spiffeId: string;
  readonly serial: string;
  /** Of an issuer's token. */
  readonly rule?: string;
  readonly subject?: string;
}

interface Refusal {
  readonly by: string;
  readonly requestId: string;
  readonly reason: string;
  /** As whoever sent it says; of no proof. */
  readonly subject: string | null;
}

/** Who got a certificate by what. Written before the certificate leaves: what the audit lacks nobody has. */
export async function auditIssue(database: D1Database, issue: Issue): Promise<void> {
  const { by, spiffeId, serial, rule, subject } = issue;
  await auditLog(database).add({
    actor: spiffeId,
    verb: "issue-certificate",
    targets: [spiffeId, `certificate/${serial}`, ...(rule === undefined ? [] : [`tulle.dev/EnrolmentRule//${rule}`])],
    at: Date.now(),
    detail: { by, ...(subject !== undefined && { subject }) },
  });
}

export async function auditJwtSvid(database: D1Database, spiffeId: string, audience: string): Promise<void> {
  const entry = { actor: spiffeId, verb: "issue-jwt-svid", targets: [spiffeId], at: Date.now() };
  await auditLog(database).add({ ...entry, detail: { by: "svid", audience } });
}

export async function auditRefusal(database: D1Database, refusal: Refusal): Promise<void> {
  const { by, requestId, reason, subject } = refusal;
  console.warn(eventLine({ event: "enrolment_refused", request_id: requestId, by, code: reason }));
  await auditLog(database).refused({
    actor: "anonymous",
    verb: "refuse-enrolment",
    targets: [`request/${requestId}`],
    at: Date.now(),
    detail: { by, reason, ...(subject !== null && { subject }) },
  });
}
