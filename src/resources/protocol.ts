import { z } from "zod";
import { choice, never, REASON } from "./fields.ts";

/** What a port speaks, in capitals whatever case it was written in, as Istio reads it. */
export const protocol = z
  .string()
  .toUpperCase()
  .pipe(
    choice(["HTTP", "HTTPS", "HTTP2", "GRPC-WEB"], {
      GRPC: never(REASON.grpc),
      TCP: never(REASON.framing),
      UDP: never(REASON.framing),
      TLS: never(REASON.framing),
      MONGO: never(REASON.framing),
      MYSQL: never(REASON.framing),
      REDIS: never(REASON.framing),
    }),
  );
