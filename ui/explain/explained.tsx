import { Badge, type Tone } from "../parts/badge.tsx";
import { ObjectLink } from "../parts/object-link.tsx";
import { latency, moment } from "../format.ts";
import { placeOf } from "../state/place.ts";

interface Compared {
  readonly field: string;
  readonly of: string;
  readonly actual: string | null;
  readonly wanted: readonly string[];
  readonly holds: boolean | null;
}

interface Stage {
  readonly stage: string;
  readonly at: "gateway" | "destination" | null;
  readonly outcome: "passed" | "refused" | "matched" | "missed" | "told" | "unknown";
  readonly detail: string;
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string } | null;
  readonly field: string | null;
  readonly revision: { readonly generation: number; readonly at: string; readonly actor: string } | null;
  readonly compared: readonly Compared[];
  readonly failed: Compared | null;
}

/** As far as the page reads what control answers. */
export interface Explanation {
  readonly verdict: {
    readonly effect: "answer" | "forward";
    readonly code: string;
    readonly status: number | null;
    readonly policy: string | null;
    readonly route: string | null;
    readonly cluster: string | null;
  };
  readonly generation: number;
  readonly host: string;
  readonly stages: readonly Stage[];
  readonly record: {
    readonly requestId: string;
    readonly at: string;
    readonly gateway: string;
    readonly location: string;
    readonly status: number;
    readonly flag: string;
    readonly durationMs: number;
    readonly agrees: boolean | null;
  } | null;
  readonly hops: readonly {
    readonly requestId: string;
    readonly at: string;
    readonly host: string;
    readonly status: number;
  }[];
}

const TONES: Readonly<Record<Stage["outcome"], Tone>> = {
  passed: "good",
  matched: "good",
  refused: "bad",
  missed: "plain",
  told: "plain",
  unknown: "warn",
};

/** A decision: its verdict, then each stage in order. */
export function Explained({ explanation }: { readonly explanation: Explanation }) {
  const { verdict, stages, record, hops, generation } = explanation;
  const forwards = verdict.effect === "forward";
  return (
    <div class="explained">
      <p class={`notice ${forwards ? "good" : "bad"}`} role="status">
        <strong>{forwards ? "Forwarded" : `Answered ${verdict.status ?? ""} ${verdict.code}`}</strong>
        {verdict.policy !== null && ` by the policy ${verdict.policy}`}
        {verdict.route !== null && `, route ${verdict.route}`}
        {verdict.cluster !== null && `, to ${verdict.cluster}`}
        {`; generation ${generation}.`}
        {record !== null &&
          ` Sent ${moment(record.at)} through ${record.gateway} in ${record.location}: ${record.status} ${record.flag} after ${latency(record.durationMs)}.`}
        {record?.agrees === false && " It is decided otherwise now than it was then."}
      </p>
      {hops.length > 1 && (
        <ol class="hops" aria-label="Hops">
          {hops.map((hop) => (
            <li key={`${hop.requestId} ${hop.at}`}>
              {moment(hop.at)} <a href={placeOf(["explain"], { requestId: hop.requestId })}>{hop.host}</a>: {hop.status}
            </li>
          ))}
        </ol>
      )}
      <ol class="stages">
        {stages.map((stage, at) => (
          <StageItem key={at} stage={stage} />
        ))}
      </ol>
    </div>
  );
}

function StageItem({ stage }: { readonly stage: Stage }) {
  const { stage: name, at, outcome, detail, object, field, revision, compared, failed } = stage;
  return (
    <li class={`stage ${outcome}`}>
      <div class="head">
        <strong>{name}</strong> {at !== null && <span class="note">at the {at}</span>}{" "}
        <Badge tone={TONES[outcome]}>{outcome}</Badge>
      </div>
      <p>{detail}</p>
      {object !== null && (
        <p class="note">
          {object.kind} <ObjectLink {...object} />
          {field !== null && field !== "" && (
            <>
              {" "}
              at <code>{field}</code>
            </>
          )}
          {revision !== null && (
            <>
              , from{" "}
              <a href={placeOf(["history"], { generation: String(revision.generation) })}>
                generation {revision.generation}
              </a>{" "}
              by {revision.actor}
            </>
          )}
        </p>
      )}
      {failed !== null && <p class="failed">First that failed: {comparison(failed)}</p>}
      {compared.length > 0 && (
        <details>
          <summary>{compared.length} compared</summary>
          <ul>
            {compared.map((each, index) => (
              <li key={index}>
                {each.holds === null ? "?" : each.holds ? "✓" : "✗"} {comparison(each)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

function comparison({ field, of, actual, wanted }: Compared): string {
  return `${field}: the ${of} is ${actual === null ? "nothing" : `“${actual}”`}, wanted ${wanted.map((each) => `“${each}”`).join(" or ") || "nothing"}`;
}
