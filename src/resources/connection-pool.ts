import { z } from "zod";
import { duration, durationOrZero } from "./duration.ts";
import { choice, count, strict, tuning, uint32 } from "./fields.ts";

const BY_PLATFORM = "the platform decides";

export const ConnectionPool = strict({
  tcp: strict({
    maxConnections: count.exactOptional(),
    connectTimeout: tuning(
      duration,
      "the platform has its own connect timeout; `timeout` of a route bounds the whole call",
    ),
    tcpKeepalive: tuning(
      strict({ probes: uint32.exactOptional(), time: duration.exactOptional(), interval: duration.exactOptional() }),
      `${BY_PLATFORM} how connections are kept alive`,
    ),
    maxConnectionDuration: tuning(durationOrZero, `${BY_PLATFORM} how long a connection lives`),
    idleTimeout: tuning(durationOrZero, `${BY_PLATFORM} when an idle connection is closed`),
  }).exactOptional(),
  http: strict({
    http1MaxPendingRequests: count.exactOptional(),
    http2MaxRequests: count.exactOptional(),
    maxRetries: count.exactOptional(),
    maxRequestsPerConnection: tuning(uint32, `${BY_PLATFORM} how many requests a connection carries`, 0),
    idleTimeout: tuning(durationOrZero, `${BY_PLATFORM} when an idle connection is closed`),
    maxConcurrentStreams: tuning(
      uint32,
      `${BY_PLATFORM} how many streams a connection carries; \`http2MaxRequests\` bounds the requests`,
      0,
    ),
    http2KeepAlive: tuning(
      strict({ interval: duration, timeout: duration }),
      `${BY_PLATFORM} how connections are kept alive`,
    ),
    h2UpgradePolicy: tuning(
      choice(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]),
      `${BY_PLATFORM} which HTTP version a connection speaks`,
      "DEFAULT",
    ),
    useClientProtocol: tuning(z.boolean(), `${BY_PLATFORM} which HTTP version a connection speaks`, false),
  }).exactOptional(),
});

/** Defaults: 20 %, 3, `0s`, by which the share is one of the requests under way. */
export const RetryBudget = strict({
  percent: z.number().min(0).max(100).exactOptional(),
  minRetryConcurrency: uint32.exactOptional(),
  budgetInterval: durationOrZero.exactOptional(),
});

export type ConnectionPoolSpec = z.infer<typeof ConnectionPool>;
export type RetryBudgetSpec = z.infer<typeof RetryBudget>;
