import type { z } from "zod";
import { choice, later, never, strict } from "./fields.ts";
import { headerName } from "./header-operations.ts";
import { type Context, refuseDryRun } from "./kind.ts";
import type { Report } from "./report.ts";
import { checkScope, scopeFields } from "./target-refs.ts";

export const DEFAULT_KEY_HEADER = "x-api-key";

export const APIKeyPolicy = strict({
  ...scopeFields,
  header: headerName.exactOptional(),
  presence: choice(["Required", "Optional"]).exactOptional(),
});

/** An absent `header` is `x-api-key`, an absent `presence` is `Required`. */
export type APIKeyPolicySpec = z.infer<typeof APIKeyPolicy>;

const OF_MESH = never("the gateway reads or writes it itself, and a key is taken out of the request; name another one");
const OF_CREDENTIALS = later("it holds other credentials, which a key must not push out; name one of its own");
const OF_MESSAGE = never("it says what the message is, and a key is taken out of the request; name another one");

/** Headers that no key is taken from, and why. */
const NO_KEYS: Readonly<Record<string, string>> = {
  authorization: OF_CREDENTIALS,
  "proxy-authorization": OF_CREDENTIALS,
  cookie: OF_CREDENTIALS,
  host: OF_MESH,
  origin: OF_MESH,
  traceparent: OF_MESH,
  tracestate: OF_MESH,
  forwarded: OF_MESH,
  via: OF_MESH,
  "x-request-id": OF_MESH,
  connection: OF_MESSAGE,
  upgrade: OF_MESSAGE,
  te: OF_MESSAGE,
  trailer: OF_MESSAGE,
  "keep-alive": OF_MESSAGE,
  "proxy-connection": OF_MESSAGE,
  "transfer-encoding": OF_MESSAGE,
  accept: OF_MESSAGE,
  "user-agent": OF_MESSAGE,
};
const NO_KEYS_BELOW: readonly (readonly [prefix: string, why: string])[] = [
  ["x-forwarded-", OF_MESH],
  ["x-envoy-", OF_MESH],
  ["x-tulle-", OF_MESH],
  ["cf-", OF_MESH],
  ["access-control-", OF_MESSAGE],
  ["content-", OF_MESSAGE],
  ["sec-", OF_MESSAGE],
];

export function checkAPIKeyPolicy(spec: APIKeyPolicySpec, report: Report, context: Context): void {
  refuseDryRun(context);
  checkScope(spec, report);
  const { header } = spec;
  const why = header === undefined ? null : whyNoKey(header.toLowerCase());
  if (why !== null) report.at("header").error(`\`${header}\`: ${why}`, "FieldValueNotSupported");
}

function whyNoKey(name: string): string | null {
  if (Object.hasOwn(NO_KEYS, name)) return NO_KEYS[name] ?? null;
  return NO_KEYS_BELOW.find(([prefix]) => name.startsWith(prefix))?.[1] ?? null;
}
