import * as x509 from "@peculiar/x509";
import { anchorsAt, type Due, dues, signingAt } from "../../../src/identity/ca-rotation.ts";
import type { StoredCa } from "./ca-store.ts";

/** What administrators are told of the authority. Times are epoch ms. */
export interface AuthorityStatus {
  readonly certificates: readonly {
    readonly serial: string;
    readonly role: StoredCa["role"];
    readonly subject: string;
    readonly issuer: string;
    /** `signs`: new certificates; `next`: trusted, and signs later; `trusted`: signs no more, what it signed lives. */
    readonly state: "signs" | "next" | "trusted";
    readonly notBefore: number;
    readonly expiresAt: number;
    readonly signsFrom: number;
    /** When nothing that it signed lives any more; null: not known yet. */
    readonly neededUntil: number | null;
    /** The mesh has its key. */
    readonly isOurs: boolean;
  }[];
  /** What comes next; `use`: a certificate that waits begins to sign. `import`: for people to do. */
  readonly next: readonly { readonly what: Due | "use"; readonly at: number }[];
  /** Certificates of workloads that live. */
  readonly issued: number;
  readonly revoked: number;
  /** A request waits for its certificate. */
  readonly hasRequest: boolean;
}

/** What a scrape tells of certificates. */
export interface Expiries {
  readonly certificates: readonly Pick<
    AuthorityStatus["certificates"][number],
    "serial" | "role" | "state" | "expiresAt"
  >[];
  /** Identities with a certificate that lives, */
  readonly live: number;
  /** and those of them whose newest one nears its end. */
  readonly overdue: number;
}

export function statusOf(all: readonly StoredCa[], now: number): Pick<AuthorityStatus, "certificates" | "next"> {
  const signing = signingAt(all, now);
  const anchors = new Set(anchorsAt(all, now));
  const stateOf = (one: StoredCa): "signs" | "next" | "trusted" => {
    if (one.signsFrom > now) return "next";
    const isSigning = one.role === "root" ? anchors.has(one) && one.serial === signing?.root : one === signing;
    return isSigning ? "signs" : "trusted";
  };
  const waiting = all.filter(({ role, signsFrom }) => role !== "root" && signsFrom > now);
  const certificates = all.map((one) => {
    const { subject, issuer } = new x509.X509Certificate(one.certificate);
    const { serial, role, notBefore, notAfter: expiresAt, signsFrom, lastEnds, isOurs } = one;
    const state = stateOf(one);
    const neededUntil = state === "trusted" && role !== "root" ? lastEnds : null;
    return { serial, role, subject, issuer, state, notBefore, expiresAt, signsFrom, neededUntil, isOurs };
  });
  const next = [...waiting.map(({ signsFrom }) => ({ what: "use" as const, at: signsFrom })), ...dues(all, now)];
  return { certificates, next: next.toSorted((a, b) => a.at - b.at) };
}
