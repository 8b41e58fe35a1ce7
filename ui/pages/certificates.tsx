import { Badge } from "../parts/badge.tsx";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import { duration, moment } from "../format.ts";
import { useData } from "../state/use-data.ts";

const REFRESH_MS = 30_000;

interface CaStatus {
  readonly certificates: readonly {
    readonly serial: string;
    readonly role: string;
    readonly subject: string;
    readonly state: "signs" | "next" | "trusted";
    readonly expiresAt: number;
    readonly signsFrom: number;
  }[];
  readonly next: readonly { readonly what: "root" | "intermediate" | "import" | "use"; readonly at: number }[];
  readonly issued: number;
  readonly revoked: number;
}

interface Issued {
  readonly certificates: readonly {
    readonly serial: string;
    readonly spiffeId: string;
    readonly issuedAt: number;
    readonly expiresAt: number;
  }[];
  readonly continue: string | null;
}

interface Revoked {
  readonly revocations: readonly {
    readonly kind: string;
    readonly value: string;
    readonly reason: string;
    readonly at: number;
    readonly until: number | null;
  }[];
}

const NEXT = {
  root: "A new root is made",
  intermediate: "A new intermediate is made",
  import: "You import the next intermediate",
  use: "The certificate that waits begins to sign",
} as const;
const STATES = { signs: "good", next: "plain", trusted: "plain" } as const;

/** The mesh's authority and what it issued: what lives, what rotates next, what counts no more. */
export function Certificates() {
  const authority = useData<CaStatus>("/api/v1/ca", REFRESH_MS);
  const issued = useData<Issued>("/api/v1/certificates?limit=100", REFRESH_MS);
  const revoked = useData<Revoked>("/api/v1/revocations", REFRESH_MS);
  const now = Date.now();
  return (
    <>
      <h1>Certificates</h1>
      <Shown data={authority}>
        {({ certificates, next, issued: count, revoked: ended }) => (
          <>
            <section aria-labelledby="next">
              <h2 id="next">What rotates next</h2>
              {next.length === 0 ? (
                <p class="none">Nothing is planned.</p>
              ) : (
                <ol class="next">
                  {next.map(({ what, at }) => (
                    <li key={`${what} ${at}`}>
                      {NEXT[what]} <strong>in {duration(at - now)}</strong>, at {moment(at)}
                    </li>
                  ))}
                </ol>
              )}
              <p>
                {count} certificates of workloads live; {ended} are revoked. Workloads renew theirs by themselves.
              </p>
            </section>
            <Table
              caption="The authority"
              none="The authority has no certificate yet; it makes one when the first workload asks."
              rows={certificates}
              keyOf={({ serial }) => serial}
              columns={[
                { head: "Subject", cell: ({ subject }) => subject },
                { head: "Role", cell: ({ role }) => role },
                { head: "State", cell: ({ state }) => <Badge tone={STATES[state]}>{state}</Badge> },
                { head: "Ends in", isNumber: true, cell: ({ expiresAt }) => duration(expiresAt - now) },
                { head: "Serial", wide: true, cell: ({ serial }) => <code>{serial}</code> },
              ]}
            />
          </>
        )}
      </Shown>
      <Shown data={issued}>
        {({ certificates, continue: more }) => (
          <Table
            caption={`Workloads, the first to end first${more === null ? "" : ` (the first ${certificates.length})`}`}
            none="No certificate of a workload lives."
            rows={certificates}
            keyOf={({ serial }) => serial}
            columns={[
              { head: "Identity", cell: ({ spiffeId }) => <code>{spiffeId}</code> },
              { head: "Ends in", isNumber: true, cell: ({ expiresAt }) => duration(expiresAt - now) },
              { head: "Issued", wide: true, cell: ({ issuedAt }) => moment(issuedAt) },
            ]}
          />
        )}
      </Shown>
      <Shown data={revoked}>
        {({ revocations }) => (
          <Table
            caption="Revoked"
            none="Nothing is revoked."
            rows={revocations}
            keyOf={({ kind, value }) => `${kind} ${value}`}
            columns={[
              { head: "What", cell: ({ value }) => <code>{value}</code> },
              { head: "Why", cell: ({ reason }) => reason },
              { head: "Since", cell: ({ at }) => moment(at) },
              { head: "Until", wide: true, cell: ({ until }) => (until === null ? "it is lifted" : moment(until)) },
            ]}
          />
        )}
      </Shown>
    </>
  );
}
