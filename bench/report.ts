import { type Figure, figureOf, type Judged, judge, median, type Round, type Verdict, verdictOf } from "./judge.ts";
import { keyOf, type Target } from "./targets.ts";

/** One line of the report, whatever it tells of. */
export interface Line {
  readonly row: string;
  readonly what: string;
  readonly bar: string;
  readonly goal: string;
  readonly figure: string;
  readonly value: Figure | null;
  readonly verdict: Verdict;
  readonly details: string;
}

/** A row that is no ratio: a time or a size, taken some times. */
export interface Sampled {
  readonly row: string;
  readonly what: string;
  readonly unit: "ms" | "KB" | "MB" | "calls";
  /** At most this. */
  readonly bar: number;
  readonly goal: number | null;
  readonly values: readonly number[];
}

export function lineOfSampled({ row, what, unit, bar, goal, values }: Sampled): Line {
  const figure = figureOf(values);
  const shown = (limit: number | null) => (limit === null ? "" : `<= ${limit} ${unit}`);
  return {
    row,
    what,
    bar: shown(bar),
    goal: shown(goal),
    figure: shownFigure(figure),
    value: figure,
    verdict: verdictOf(figure.median, bar, goal),
    details: values.length > 1 ? `${unit}, median of ${values.length}` : unit,
  };
}

export function lineNotRun(row: string, what: string, bar: string, why: string): Line {
  return { row, what, bar, goal: "", figure: "", value: null, verdict: "not run", details: why };
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
    value: figure,
    verdict,
    details: why ?? detailsOf(target, rounds),
  };
}

function shownFigure(figure: Judged["figure"]): string {
  if (figure === null) return "";
  // What is far below one would look like nothing.
  const digits = figure.max > 0 && figure.max < 0.1 ? 5 : 2;
  return `${figure.median.toFixed(digits)} (${figure.min.toFixed(digits)}-${figure.max.toFixed(digits)})`;
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

/** Characters of what a row is about. */
const WIDEST = 60;

type Column = Exclude<keyof Line, "value">;

const HEAD: Readonly<Record<Column, string>> = {
  row: "row",
  what: "what",
  bar: "bar",
  goal: "goal",
  figure: "figure (min-max)",
  verdict: "verdict",
  details: "this / the other; the runtime's share of its core",
};

export function table(lines: readonly Line[]): string {
  const columns = Object.keys(HEAD) as Column[];
  const shown = [
    HEAD,
    ...lines.map((line) => ({ ...line, what: line.what.slice(0, WIDEST), verdict: SHOWN[line.verdict] })),
  ];
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
