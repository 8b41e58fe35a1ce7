import uPlot, { type AlignedData, type Options } from "uplot";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../state/theme.ts";

interface ChartSeries {
  readonly label: string;
  /** One a moment; null: nothing. */
  readonly values: readonly (number | null)[];
}

export interface ChartProps {
  readonly title: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly show: (value: number | null) => string;
  /** How far back it goes, seconds. */
  readonly seconds: number;
}

const HEIGHT = 180;
/** Of one moment there is no line: so few are marked. */
const FEW = 8;
/** Told apart by their dashes as well. */
const DASHES = [[], [6, 3], [2, 3], [10, 4, 2, 4], [1, 2]];
const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5"];

/** Lines over time. What it shows last is told as text, for whoever cannot see it. */
export function Chart({ title, times, series, show, seconds }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const look = theme.value;
  useEffect(() => {
    const { current } = place;
    if (current === null || times.length === 0) return;
    const width = () => Math.max(240, current.clientWidth);
    const plot = new uPlot(
      optionsOf(series, width(), { show, seconds, end: times.at(-1) ?? 0 }),
      [[...times], ...series.map(({ values }) => [...values])] as AlignedData,
      current,
    );
    const observed = new ResizeObserver(() => plot.setSize({ width: width(), height: HEIGHT }));
    observed.observe(current);
    return () => {
      observed.disconnect();
      plot.destroy();
    };
  }, [times, series, look]);
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>{" "}
        {series
          .map(
            ({ label, values }) =>
              `${label === "" ? "" : `${label} `}${show(values.findLast((value) => value !== null) ?? null)}`,
          )
          .join(" · ") || "nothing yet"}
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

interface Frame extends Pick<ChartProps, "show" | "seconds"> {
  /** Seconds since 1970. */
  readonly end: number;
}

function optionsOf(series: readonly ChartSeries[], width: number, { show, seconds, end }: Frame): Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line") },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    // The whole time that was asked for, also where little of it is known.
    scales: { x: { range: () => [end - seconds, end] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] } },
    axes: [axis, { ...axis, size: 70, values: (_, values) => values.map(show) }],
    series: [
      {},
      ...series.map(({ label, values }, at) => ({
        label,
        stroke: colour(COLOURS[at % COLOURS.length] ?? "--accent"),
        dash: DASHES[at % DASHES.length] ?? [],
        width: 2,
        points: { show: values.length < FEW, size: 5 },
      })),
    ],
  };
}
