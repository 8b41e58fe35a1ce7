/** Whether a trigger fires in the minute of a time, which is UTC's. */
export type Cron = (time: Date) => boolean;

interface Field {
  readonly from: number;
  readonly to: number;
  /** In order from `from` on; in any case of letters. */
  readonly names?: readonly string[];
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const SATURDAY = 7;

const MINUTE: Field = { from: 0, to: 59 };
const HOUR: Field = { from: 0, to: 23 };
const DAY: Field = { from: 1, to: 31 };
const MONTH: Field = { from: 1, to: 12, names: MONTHS };
/** Sunday is 1. */
const WEEKDAY: Field = { from: 1, to: SATURDAY, names: WEEKDAYS };

type Matches<T> = (value: T) => boolean;

/** @returns null where it is no cron trigger of the platform: five fields with `*`, lists, ranges, steps, `L`, `W` and `#` */
export function readCron(text: string): Cron | null {
  const fields = text.trim().split(/\s+/);
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  if (fields.length !== 5) return null;
  const minutes = listOf(minute, (part) => numbers(part, MINUTE));
  const hours = listOf(hour, (part) => numbers(part, HOUR));
  const months = listOf(month, (part) => numbers(part, MONTH));
  const days = listOf(day, dayOfMonth);
  const weekdays = listOf(weekday, dayOfWeek);
  if (minutes === null || hours === null || months === null || days === null || weekdays === null) return null;
  // Of two that name days either is enough.
  const either = day !== "*" && weekday !== "*";
  return (time) =>
    minutes(time.getUTCMinutes()) &&
    hours(time.getUTCHours()) &&
    months(time.getUTCMonth() + 1) &&
    (either ? days(time) || weekdays(time) : days(time) && weekdays(time));
}

function listOf<T>(text: string, read: (part: string) => Matches<T> | null): Matches<T> | null {
  const parts = text.split(",").map(read);
  return parts.includes(null) ? null : (value) => parts.some((part) => part?.(value) === true);
}

/** `*`, `5`, `MON`, `1-5`, `10/15`; each with a step. */
function numbers(text: string, field: Field): Matches<number> | null {
  const [, range = "", step] = /^([^/]+)(?:\/(\d+))?$/.exec(text) ?? [];
  const by = Number(step ?? 1);
  const [first = "", second, ...more] = range.split("-");
  const from = first === "*" ? field.from : valueOf(first, field);
  const open = first === "*" || (step !== undefined && second === undefined);
  const to = open ? field.to : second === undefined ? from : valueOf(second, field);
  if (from === null || to === null || from > to || by === 0 || more.length > 0) return null;
  if (first === "*" && second !== undefined) return null;
  return (value) => value >= from && value <= to && (value - from) % by === 0;
}

function valueOf(text: string, { from, to, names = [] }: Field): number | null {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return named + from;
  const value = Number(text);
  return /^\d+$/.test(text) && value >= from && value <= to ? value : null;
}

/** Also `L`, the last one; `L-3`, three before it; `15W`, the workday nearest to the 15th; `LW`. */
function dayOfMonth(text: string): Matches<Date> | null {
  const [, before] = /^L(?:-(\d{1,2}))?$/i.exec(text) ?? [];
  if (/^L/i.test(text) && !/^LW$/i.test(text)) {
    if (before === undefined && text.length > 1) return null;
    return (time) => time.getUTCDate() === lastDay(time) - Number(before ?? 0);
  }
  const [, near] = /^(\d{1,2}|L)W$/i.exec(text) ?? [];
  if (near !== undefined) {
    const day = near.toUpperCase() === "L" ? null : valueOf(near, DAY);
    if (day === null && near.toUpperCase() !== "L") return null;
    return (time) => time.getUTCDate() === workdayNear(time, day ?? lastDay(time));
  }
  const plain = numbers(text, DAY);
  return plain && ((time) => plain(time.getUTCDate()));
}

/** Also `L`, Saturday; `FRIL`, the last Friday of the month; `MON#2`, the second Monday. */
function dayOfWeek(text: string): Matches<Date> | null {
  const weekdayOf = (time: Date): number => time.getUTCDay() + 1;
  if (/^L$/i.test(text)) return (time) => weekdayOf(time) === SATURDAY;
  const [, name = "", last, nth] = /^(\w+?)(?:(L)|#([1-5]))$/i.exec(text) ?? [];
  if (last !== undefined || nth !== undefined) {
    const weekday = valueOf(name, WEEKDAY);
    if (weekday === null) return null;
    return (time) => {
      const day = time.getUTCDate();
      const place = nth === undefined ? day > lastDay(time) - 7 : Math.ceil(day / 7) === Number(nth);
      return weekdayOf(time) === weekday && place;
    };
  }
  const plain = numbers(text, WEEKDAY);
  return plain && ((time) => plain(weekdayOf(time)));
}

function lastDay(time: Date): number {
  return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + 1, 0)).getUTCDate();
}

/** Never in another month. */
function workdayNear(time: Date, wanted: number): number {
  const last = lastDay(time);
  const day = Math.min(wanted, last);
  const weekday = new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), day)).getUTCDay();
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === last ? day - 2 : day + 1;
  return day;
}
