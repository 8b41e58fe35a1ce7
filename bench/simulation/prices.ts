/** What Cloudflare's paid plan asks for, in dollars, without what it includes: the one place where prices stand. As of November 2026. */
export const PRICES = {
  /** Of the plan, a month. */
  base: 5,
  workerRequests: 0.3 / 1e6,
  workerCpuMs: 0.02 / 1e6,
  objectRequests: 0.15 / 1e6,
  /** An object that is awake is charged as 128 MB. */
  objectGbSeconds: 12.5 / 1e6,
  objectGb: 0.128,
  rowsWritten: 1 / 1e6,
} as const;

/** What the model does not measure, as `npm run bench` and the profiles of a deployment say it; change them here. */
export const ASSUMED = {
  /** CPU of a request at the gateway, ms. */
  requestCpuMs: 0.3,
  /** CPU of an exchange, at the isolate and on its way to the cell. */
  exchangeCpuMs: 0.5,
} as const;
