import { InvalidArgumentError } from "commander";
import { isDnsLabel } from "../../src/resources/names.ts";
import { DAY, readDuration } from "./duration.ts";
import type { Format } from "./output.ts";

/** What every command takes. */
export interface GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly namespace?: string;
  readonly output: Format;
  /** Milliseconds. */
  readonly timeout: number;
}

/** For an option that may be given more than once. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** The same for one whose values are read. */
export function collected<T>(
  read: (value: string) => T,
): (value: string, before: readonly T[] | undefined) => readonly T[] {
  return (value, before = []) => [...before, read(value)];
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("Give a whole number.");
  return value;
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("Give a whole number from 1.");
  return value;
}

/** @returns milliseconds */
export function positiveDuration(text: string): number {
  const ms = readDuration(text);
  if (ms === null || ms === 0) throw new InvalidArgumentError("Give a duration such as 90s, 10m, 24h or 7d.");
  return ms;
}

/** How long a secret holds: from a minute to so many days. @returns a parser, which gives milliseconds or `never` */
export function lifetime(maxDays: number): (text: string) => number | "never" {
  return (text) => {
    if (text === "never") return text;
    const ms = positiveDuration(text);
    if (ms < 60_000 || ms > maxDays * DAY) throw new InvalidArgumentError(`Give 1m to ${maxDays}d, or never.`);
    return ms;
  };
}

export function dnsLabel(text: string): string {
  if (!isDnsLabel(text))
    throw new InvalidArgumentError("Give a name of lower-case letters, digits and `-`, at most 63.");
  return text;
}
