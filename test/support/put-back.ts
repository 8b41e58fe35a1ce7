import { afterAll, vi } from "vitest";

/** Files share a process, and the modules in it: what one put in place of something must not meet the next. */
const VARIABLES = { ...process.env };

afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const name of Object.keys(process.env)) if (!(name in VARIABLES)) delete process.env[name];
  Object.assign(process.env, VARIABLES);
  process.exitCode = undefined;
});
