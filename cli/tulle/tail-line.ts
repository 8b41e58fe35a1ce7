import { z } from "zod";
import { cutEnd, paint, printable, type Style } from "./output.ts";

/** What a line shows of a record of the access log. */
const Shown = z.looseObject({
  time: z.string(),
  method: z.string(),
  protocol: z.string(),
  authority: z.string(),
  path: z.string(),
  status: z.number(),
  response_flags: z.string(),
  details: z.string(),
  policy: z.string().nullable(),
  source_principal: z.string().nullable(),
  source_workload: z.string(),
  destination_service: z.string().nullable(),
  duration_ms: z.number(),
  request_id: z.string(),
});
type Shown = z.infer<typeof Shown>;

/** Of a path something is always shown, also where the rest is long. */
const MIN_PATH = 20;

/**
 * A request in one line, its id last, which `tulle explain` takes:
 * `20:15:03.120 403 UAEX 3ms GET shop/reviews /reviews/1 < web/page rbac_denied… shop/deny 6f1c6c1e-7d0a-4a53-9f3c-0a5d0c8f1c11`.
 * Where the line has no room for it, and the request was refused or failed, it stands on a line of its own.
 *
 * @param width of the terminal: no line is longer
 */
export function tailLine(value: unknown, width: number): string {
  const record = Shown.parse(value);
  const { time, method, path, status, response_flags: flags, duration_ms: took } = record;
  const head = [
    { text: time.slice(11, 23), style: "dim" as const },
    { text: status === 0 ? "---" : String(status), style: styleOf(status) },
    ...(flags === "-" ? [] : [{ text: flags, style: styleOf(status) }]),
    { text: `${took}ms`, style: null },
    { text: record.protocol === "http" ? method : "RPC", style: null },
    { text: nameOf(record), style: null },
  ];
  const tail = [{ text: `< ${callerOf(record)}`, style: "dim" as const }, ...why(record)];
  const shownPath = printable(path);
  const id = { text: record.request_id, style: "dim" as const };
  const rest = widthOf([...head, ...tail]);
  const isWithId = rest + Math.min(MIN_PATH, shownPath.length) + 1 + id.text.length <= width;
  const taken = rest + (isWithId ? id.text.length + 1 : 0);
  const parts = [...head, { text: cutEnd(shownPath, Math.max(MIN_PATH, width - taken)), style: null }, ...tail];
  if (isWithId) return fitted([...parts, id], width);
  const line = fitted(parts, width);
  return status === 0 || status >= 400 ? `${line}\n${fitted([{ text: "", style: null }, id], width)}` : line;
}

interface Part {
  readonly text: string;
  readonly style: Style | null;
}

/** With a blank behind each. */
function widthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { text }) => sum + text.length + 1, 0);
}

function fitted(parts: readonly Part[], width: number): string {
  let left = width;
  const shown: string[] = [];
  for (const { text, style } of parts) {
    if (left <= 0) break;
    const part = cutEnd(printable(text).replaceAll("\n", " "), left);
    left -= part.length + 1;
    shown.push(style === null || part === "" ? part : paint(style, part));
  }
  return shown.join(" ");
}

function styleOf(status: number): Style {
  return status >= 500 || status === 0 ? "red" : status >= 400 ? "yellow" : "green";
}

/** `shop/reviews` of a service in the mesh; the host of any other. */
function nameOf({ destination_service: host, authority }: Shown): string {
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc\./.exec(host ?? "") ?? [];
  if (name !== undefined) return `${namespace}/${name}`;
  return host ?? (authority === "" ? "-" : authority);
}

function callerOf({ source_principal: principal, source_workload: workload }: Shown): string {
  const [, namespace, account] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal ?? "") ?? [];
  if (namespace !== undefined) return `${namespace}/${account}`;
  return principal ?? (workload === "unknown" ? "-" : workload);
}

/** Why it was not simply passed on. */
function why({ details, policy }: Shown): readonly Part[] {
  if (details === "via_upstream" || details === "-") return [];
  return [{ text: policy === null ? details : `${details} ${policy}`, style: "yellow" }];
}
