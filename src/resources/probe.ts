import { z } from "zod";
import { parseIp } from "../match/ip.ts";
import { isHostName } from "./names.ts";
import type { Report } from "./report.ts";
import { MAX_SERVICE_CHARACTERS } from "../resilience/grpc-health.ts";
import { choice, never, portNumber, strict, text } from "./fields.ts";

const seconds = (min: number, max: number) => z.int().min(min).max(max).exactOptional();
const MAX_SECONDS = 86_400;
/** A result that takes longer would outlast the exchange that carries it. */
const MAX_TIMEOUT_SECONDS = 4;

/** As protobuf names them, in a package or not; empty: the server as a whole. */
const grpcService = text(
  (name) => name.length <= MAX_SERVICE_CHARACTERS && /^[\w.]*$/.test(name),
  `the name of a service of gRPC, of at most ${MAX_SERVICE_CHARACTERS} characters`,
);

/** Never a service binding or a URL: those have owners, whose policies a probe would pass by. */
const host = text((name) => parseIp(name) !== null || isHostName(name), "a host name or an IP address").exactOptional();

const HttpGet = strict({
  port: portNumber,
  path: text((path) => /^\/[\u0021-\u007e]*$/.test(path), "a path that begins with `/`").exactOptional(),
  host,
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
    httpGet: HttpGet.exactOptional(),
    tcpSocket: strict({ port: portNumber, host }).exactOptional(),
    grpc: strict({ port: portNumber, service: grpcService.exactOptional() }).exactOptional(),
  },
  {
    exec: never("there is no process on the endpoint's side to run"),
  },
);

/** 0 and absent are Kubernetes' defaults: no delay, 1 s, 10 s, 1 success, 3 failures. */
export type ProbeSpec = z.infer<typeof Probe>;

const WAYS = ["httpGet", "tcpSocket", "grpc"] as const;

/** One way, as in Istio. */
export function checkProbe(probe: ProbeSpec, report: Report): void {
  const [way, ...others] = WAYS.filter((one) => probe[one] !== undefined);
  if (way === undefined) report.error("`httpGet`, `tcpSocket` or `grpc` is needed", "FieldValueRequired");
  for (const other of others) report.at(other).error(`cannot go with \`${way}\``);
}

/** Where it goes: its port, and another host than the workload's. */
export function placeOfProbe({ httpGet, tcpSocket, grpc }: ProbeSpec): {
  readonly port: number;
  readonly host?: string;
} {
  return httpGet ?? tcpSocket ?? grpc ?? { port: 0 };
}
