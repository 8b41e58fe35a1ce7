import { useEffect, useState } from "preact/hooks";
import { latency, percent, rate } from "../format.ts";
import { goldenQueries, linesOf, type RangeAnswer, rangePath, type Selector } from "../golden.ts";
import { call, type Refusal } from "../state/api.ts";
import { Chart } from "./chart.tsx";

const REFRESH_MS = 15_000;

type Golden = Readonly<Record<keyof ReturnType<typeof goldenQueries>, RangeAnswer>>;

/** Success, requests and durations over time, of calls that a selector names. */
export function GoldenCharts({
  selector,
  ofRoute = false,
  seconds,
}: {
  readonly selector: Selector;
  readonly ofRoute?: boolean;
  readonly seconds: number;
}) {
  const [golden, setGolden] = useState<Golden | null>(null);
  const [error, setError] = useState<Refusal | null>(null);
  const key = JSON.stringify([selector, ofRoute, seconds]);
  useEffect(() => {
    let isOver = false;
    const ask = async (): Promise<void> => {
      if (document.hidden) return;
      const now = Date.now();
      const queries = Object.entries(goldenQueries(selector, ofRoute));
      const answers = await Promise.all(
        queries.map(async ([name, query]) => [name, await call<RangeAnswer>(rangePath(query, seconds, now))] as const),
      );
      if (isOver) return;
      const refused = answers.flatMap(([, answer]) => (answer.ok ? [] : [answer.error]))[0];
      setError(refused ?? null);
      if (refused === undefined)
        setGolden(
          Object.fromEntries(
            answers.map(([name, answer]) => [name, answer.ok ? answer.value : null]),
          ) as unknown as Golden,
        );
    };
    void ask();
    const timer = window.setInterval(() => void ask(), REFRESH_MS);
    return () => {
      isOver = true;
      window.clearInterval(timer);
    };
  }, [key]);
  if (error !== null)
    return (
      <p class="notice bad" role="alert">
        {error.status === 403 ? "Your permission is missing: " : ""}
        {error.message}
      </p>
    );
  if (golden === null) return <p class="loading">Loading…</p>;
  const requests = linesOf([{ answer: golden.requests, name: "", by: "response_code" }]);
  const success = linesOf([{ answer: golden.success, name: "" }]);
  const durations = linesOf((["p50", "p95", "p99"] as const).map((name) => ({ answer: golden[name], name })));
  return (
    <div class="charts">
      <Chart title="Success" {...success} show={percent} seconds={seconds} />
      <Chart title="Requests" {...requests} show={rate} seconds={seconds} />
      <Chart title="Duration" {...durations} show={latency} seconds={seconds} />
    </div>
  );
}
