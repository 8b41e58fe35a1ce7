import { z } from "zod";
import { parseIp } from "./ip.ts";
import { isHostName } from "./names.ts";
import { choice, later, never, portNumber, strict, text } from "./fields.ts";

const seconds = (min: number, max: number) => z.int().min(min).max(max).exactOptional();
const MAX_SECONDS = 86_400;
/** A result that takes longer would outlast the exchange that carries it. */
const MAX_TIMEOUT_SECONDS = 4;

const HttpGet = strict({
  port: portNumber,
  path: text((path) => /^\/[\u0021-\u007e]*$/.test(path), "a path that begins with `/`").exactOptional(),
  // Never a service binding or a URL: those have owners, whose policies a probe would pass by.
  host: text((host) => parseIp(host) !== null || isHostName(host), "a host name or an IP address").exactOptional(),
  scheme: choice(["HTTP", "HTTPS"]).exactOptional(),
  httpHeaders: z
    .array(
      strict({
        name: text((name) => /^[-_A-Za-z0-9]+$/.test(name), "the name of a header: letters, digits, `-` and `_`"),
        value: text((value) => /^[\t\u0020-\u007e]*$/.test(value), "printable ASCII").exactOptional(),
      }),
    )
    .max(20)
    .exactOptional(),
});

export const Probe = strict(
  {
    initialDelaySeconds: seconds(0, MAX_SECONDS),
    timeoutSeconds: seconds(0, MAX_TIMEOUT_SECONDS),
    periodSeconds: seconds(0, MAX_SECONDS),
    successThreshold: seconds(0, 1_000),
    failureThreshold: seconds(0, 1_000),
    httpGet: HttpGet,
  },
  {
    tcpSocket: later("use `httpGet`"),
    grpc: later("use `httpGet`"),
    exec: never("there is no process on the endpoint's side to run"),
  },
);

/** 0 and absent are Kubernetes' defaults: no delay, 1 s, 10 s, 1 success, 3 failures. */
export type ProbeSpec = z.infer<typeof Probe>;
