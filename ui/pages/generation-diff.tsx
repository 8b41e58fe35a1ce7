import { diffLines } from "../diff.ts";
import { Shown } from "../parts/shown.tsx";
import type { StoredObject } from "../kinds.ts";
import { useData } from "../state/use-data.ts";
import { asYaml } from "../yaml.ts";

interface Diff {
  readonly from: number;
  readonly to: number;
  readonly objects: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly before: StoredObject | null;
    readonly after: StoredObject | null;
  }[];
  readonly more: number;
}

/** What a generation changed, line by line. */
export function GenerationDiff({ generation }: { readonly generation: number }) {
  const diff = useData<Diff>(`/api/v1/revisions/${generation}/diff`);
  return (
    <Shown data={diff}>
      {({ objects, more }) => (
        <>
          {objects.length === 0 && <p class="none">It changed no object.</p>}
          {objects.map(({ kind, namespace, name, before, after }) => (
            <section key={`${kind}/${namespace}/${name}`}>
              <h3>
                {kind} {namespace === "" ? name : `${namespace}/${name}`}
              </h3>
              {before === null && after === null ? (
                <p class="none">It holds secrets, and is not shown.</p>
              ) : (
                <pre class="text diff" tabIndex={0} aria-label={`changes of ${kind} ${name}`}>
                  {diffLines(linesOf(before), linesOf(after)).map(({ kind: how, text }, at) => (
                    <span key={at} class={how}>
                      {`${MARKS[how]} ${text}\n`}
                    </span>
                  ))}
                </pre>
              )}
            </section>
          ))}
          {more > 0 && <p class="note">…and {more} more objects.</p>}
        </>
      )}
    </Shown>
  );
}

const MARKS = { same: " ", added: "+", removed: "-" } as const;

function linesOf(object: StoredObject | null): readonly string[] {
  return object === null ? [] : asYaml(object).split("\n");
}
