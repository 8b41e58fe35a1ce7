import { useState } from "preact/hooks";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import type { PageProps } from "../pages.ts";
import { call, session } from "../state/api.ts";
import { setQuery } from "../state/location.ts";
import { type Data, useData } from "../state/use-data.ts";
import { GenerationDiff } from "./generation-diff.tsx";

interface Revision {
  readonly generation: number;
  readonly at: string;
  readonly actor: string;
  readonly verb: string;
  readonly changes: number;
}
interface Revisions {
  readonly revisions: readonly Revision[];
  readonly oldest: number;
}

const REFRESH_MS = 15_000;

/** Every generation: who made it, what it changed, and the way back to it. */
export function History({ query }: PageProps) {
  const listed = useData<Revisions>("/api/v1/revisions?limit=100", REFRESH_MS);
  const generation = Number(query["generation"] ?? "");
  return (
    <>
      <h1>History</h1>
      {Number.isSafeInteger(generation) && generation > 0 && (
        <Generation key={generation} generation={generation} listed={listed} />
      )}
      <Shown data={listed}>
        {({ revisions, oldest }) => (
          <Table
            caption={`Generations, the newest first; kept from ${oldest} on`}
            none="Nothing was written yet."
            rows={revisions}
            keyOf={(each) => String(each.generation)}
            columns={[
              {
                head: "Generation",
                cell: (each) => (
                  <button
                    type="button"
                    class="quiet"
                    aria-pressed={each.generation === generation}
                    onClick={() => setQuery({ generation: String(each.generation) })}
                  >
                    {each.generation}
                  </button>
                ),
              },
              { head: "When", cell: ({ at }) => at },
              { head: "Who", cell: ({ actor }) => actor },
              { head: "What", cell: ({ verb }) => verb },
              { head: "Objects", isNumber: true, cell: ({ changes }) => changes },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

function Generation({ generation, listed }: { readonly generation: number; readonly listed: Data<Revisions> }) {
  const newest = listed.value?.revisions[0]?.generation ?? generation;
  return (
    <section aria-labelledby="generation">
      <h2 id="generation">Generation {generation}</h2>
      <GenerationDiff generation={generation} />
      {generation < newest && <Rollback generation={generation} newest={newest} listed={listed} />}
    </section>
  );
}

interface RolledBack {
  readonly generation: number;
  readonly results: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly action: string;
  }[];
}

/** In two steps: what would change, then the change. */
function Rollback({ generation, newest, listed }: { generation: number; newest: number; listed: Data<Revisions> }) {
  const [plan, setPlan] = useState<RolledBack | null>(null);
  const [said, setSaid] = useState<{ readonly text: string; readonly bad: boolean } | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (dry: boolean): Promise<void> => {
    setBusy(true);
    const path = `/api/v1/rollback${dry ? "?dryRun=All" : ""}`;
    const answer = await call<RolledBack>(path, { method: "POST", body: { generation } });
    setBusy(false);
    if (!answer.ok) return setSaid({ text: answer.error.message, bad: true });
    if (dry) {
      setSaid(null);
      return setPlan(answer.value);
    }
    setPlan(null);
    setSaid({ text: `Done: generation ${answer.value.generation} is as ${generation} was.`, bad: false });
    listed.again();
  };
  if (session.value?.role !== "admin") return null;
  return (
    <div class="rollback">
      {said !== null && (
        <p class={`notice ${said.bad ? "bad" : "good"}`} role={said.bad ? "alert" : "status"}>
          {said.text}
        </p>
      )}
      {plan === null ? (
        <button type="button" disabled={busy} onClick={() => void send(true)}>
          Roll back to {generation}…
        </button>
      ) : (
        <>
          <p>
            {plan.results.length === 0
              ? `Nothing would change: ${newest} is as ${generation} was.`
              : `${plan.results.length} objects would change:`}
          </p>
          <ul>
            {plan.results.map(({ kind, namespace, name, action }) => (
              <li key={`${kind}/${namespace}/${name}`}>
                {kind} {namespace === "" ? name : `${namespace}/${name}`}: {action}
              </li>
            ))}
          </ul>
          <div class="controls">
            <button type="button" disabled={busy || plan.results.length === 0} onClick={() => void send(false)}>
              Roll back to {generation}
            </button>
            <button type="button" class="quiet" onClick={() => setPlan(null)}>
              Leave it
            </button>
          </div>
        </>
      )}
    </div>
  );
}
