import { z } from "zod";

// What administrators send of the mesh's authority, and what they are answered.

const YEAR_SECONDS = 31_536_000;
const MIN_KEY_CHARACTERS = 32;

const epochMs = z.int().describe("Epoch milliseconds.");
const afterSeconds = z
  .int()
  .min(0)
  .max(YEAR_SECONDS)
  .optional()
  .describe("How long it is trusted before it signs. Absent: an hour; of a new root seven days.");

export const CaRotation = z.strictObject({
  what: z.enum(["root", "intermediate"]).describe("A root comes with its first intermediate."),
  afterSeconds,
});
export const ROTATION_FORM = '{"what": "root" | "intermediate", "afterSeconds"?: 3600}';

export const CaImport = z.strictObject({
  chain: z
    .string()
    .min(1)
    .max(65_536)
    .describe("PEM: the intermediate for the mesh's request, then each one's issuer, the self-signed root last."),
  afterSeconds,
});
export const IMPORT_FORM = '{"chain": "-----BEGIN CERTIFICATE-----…", "afterSeconds"?: 3600}';

const key = z
  .string()
  .min(MIN_KEY_CHARACTERS)
  .max(4_096)
  .describe("The administrator's: whoever has it and the backup has the mesh's authority.");

export const CaBackup = z.strictObject({ key });
export const BACKUP_FORM = '{"key": "at least 32 characters"}';

export const CaRestore = z.strictObject({
  key,
  backup: z.string().min(1).describe("As `POST /api/v1/ca/backup` answered it."),
});
export const RESTORE_FORM = '{"key": "…", "backup": "v1.…"}';

export const WantedRevocation = z.strictObject({
  serial: z.string().max(128).optional().describe("Of one certificate, hex."),
  spiffeId: z.string().max(2_048).optional().describe("Of all that it shows, now and later; bindings, too."),
  reason: z.string().max(256).default("").describe("For the audit, and whoever looks at the list."),
});
export const REVOCATION_FORM = '{"serial": "4a01…"} or {"spiffeId": "spiffe://…"}, "reason"?: "stolen"';

export const CaStatus = z.strictObject({
  certificates: z.array(
    z.strictObject({
      serial: z.string().describe("Hex."),
      role: z.enum(["root", "intermediate", "both"]).describe("`both`: a root that signs workloads itself."),
      subject: z.string(),
      issuer: z.string(),
      state: z
        .enum(["signs", "next", "trusted"])
        .describe("`next`: trusted, and signs from `signsFrom`. `trusted`: signs no more, but what it signed lives."),
      notBefore: epochMs,
      expiresAt: epochMs,
      signsFrom: epochMs,
      neededUntil: epochMs.nullable().describe("When nothing that it signed lives any more; null: not known yet."),
      isOurs: z.boolean().describe("The mesh has its key."),
    }),
  ),
  next: z
    .array(z.strictObject({ what: z.enum(["root", "intermediate", "import", "use"]), at: epochMs }))
    .describe("What comes next: a certificate is made, or imported by you, or one that waits is used."),
  issued: z.int().describe("Certificates of workloads that live."),
  revoked: z.int(),
  hasRequest: z.boolean().describe("A request waits for its certificate."),
});

export const CaSignsFrom = z.strictObject({ signsFrom: epochMs });
export const CaBackedUp = z.strictObject({ backup: z.string().describe("Sealed with AES-256-GCM under the key.") });

export const Certificates = z.strictObject({
  certificates: z.array(
    z.strictObject({
      serial: z.string().describe("Hex."),
      spiffeId: z.string(),
      issuer: z.string().describe("Serial of the certificate that signed it."),
      issuedAt: epochMs,
      expiresAt: epochMs,
    }),
  ),
  continue: z.string().nullable().describe("For the next page; null: this is the last."),
});

export const Revocation = z.strictObject({
  kind: z.enum(["serial", "id"]),
  value: z.string().describe("A serial number in hex, or a SPIFFE ID without `spiffe://`."),
  reason: z.string(),
  at: epochMs,
  until: epochMs.nullable().describe("When it is forgotten, since the certificate has ended; null: when it is lifted."),
});
export const Revocations = z.strictObject({ revocations: z.array(Revocation) });
