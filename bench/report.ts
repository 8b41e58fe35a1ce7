import { type Judged, judge, median, type Round, type Verdict } from "./judge.ts";
import { keyOf, type Target } from "./targets.ts";

/** One line of the report, whatever it tells of. */
export interface Line {
  readonly row: string;
  readonly what: string;
  readonly bar: string;
  readonly goal: string;
  readonly figure: string;
  readonly verdict: Verdict;
  readonly details: string;
}

export function lineOf(target: Target, rounds: readonly Round[], why: string | null): Line {
  const { row, what, bar, goal, metric } = target;
  const sign = metric === "rps" ? ">=" : "<=";
  const shown = (limit: number | null) => (limit === null ? "" : `${sign} ${limit.toFixed(2)}`);
  const { figure, verdict } = judge(target, rounds);
  return {
    row,
    what,
    bar: shown(bar),
    goal: shown(goal),
    figure: shownFigure(figure),
    verdict,
    details: why ?? detailsOf(target, rounds),
  };
}

function shownFigure(figure: Judged["figure"]): string {
  if (figure === null) return "";
  return `${figure.median.toFixed(2)} (${figure.min.toFixed(2)}-${figure.max.toFixed(2)})`;
}

/** Both sides' figures, and whose the processor was meanwhile. */
function detailsOf({ measure, against, metric }: Target, rounds: readonly Round[]): string {
  const both = [measure, against].map((one) => rounds.flatMap((round) => round.get(keyOf(one)) ?? []));
  const text = both.map((outcomes) => {
    if (metric === "rps") return median(outcomes.map(({ requests, seconds }) => requests / seconds)).toFixed(0);
    if (metric === "p50") return median(outcomes.map(({ p50Ms }) => p50Ms)).toFixed(2);
    return median(outcomes.map(({ cpuSeconds, requests }) => (cpuSeconds * 1e6) / requests)).toFixed(0);
  });
  const unit = { rps: "req/s", p50: "ms", cpu: "us" }[metric];
  const percent = (shares: readonly number[]) => `${(median(shares) * 100).toFixed(0)} %`;
  const all = both.flat();
  const most = Math.max(0, ...all.map(({ othersShare }) => othersShare));
  return `${text.join(" / ")} ${unit}; core ${percent(all.map(({ ownShare }) => ownShare))}, others <= ${(most * 100).toFixed(1)} %`;
}

const HEAD: Readonly<Record<keyof Line, string>> = {
  row: "row",
  what: "what",
  bar: "bar",
  goal: "goal",
  figure: "figure (min-max)",
  verdict: "verdict",
  details: "this / the other; the runtime's share of its core",
};

export function table(lines: readonly Line[]): string {
  const columns = Object.keys(HEAD) as (keyof Line)[];
  const shown = [HEAD, ...lines.map((line) => ({ ...line, verdict: SHOWN[line.verdict] }))];
  const widths = columns.map((column) => Math.max(...shown.map((line) => line[column].length)));
  return shown
    .map((line) =>
      columns
        .map((column, index) => line[column].padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const SHOWN: Readonly<Record<Verdict, string>> = {
  goal: "goal met",
  bar: "bar met",
  missed: "MISSED",
  void: "VOID",
  "not run": "not run",
  compared: "",
};
