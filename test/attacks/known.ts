import { LEAF_FIELDS } from "./certificates.ts";
import { placeholdersIn } from "./api-keys.ts";
import type { AttackCase, AttackRequest } from "./corpus.ts";

const names = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const FIELDS = {
  case: names("id title class severity kind target source setup requests must note"),
  setup: names("policies words document generator n seed keys"),
  key: names("name namespace client plan labels ttlSeconds revoked made"),
  request: names(
    "method target host headers body raw scheme tls jwt jwt2 mutate cf_connecting_ip via apply value csr explain " +
      "generator n seed from_ip",
  ),
  tls: new Set([...LEAF_FIELDS, ...names("certPresented certVerified certRevoked certRFC9440TooLarge")]),
  jwt: names("header claims sign payload header_raw serialization mutate iss sub aud exp nbf iat jti azp scope"),
  must: names(
    "status status_seq status_counts status_multiset status_multiset_max upstream_hits upstream_hits_max " +
      "upstream_path upstream_target upstream_path_never upstream_headers upstream_headers_absent " +
      "upstream_headers_not response_headers response_headers_present response_headers_absent response_headers_not " +
      "response_headers_absent_for_origin mirror_headers_absent no_fetch_to no_fetch jwks_fetches_max max_ms " +
      "memory_mb_max apply warn_at_apply error_contains state_unchanged prototype_clean issued issued_count " +
      "logs_absent body_absent metric invariant words",
  ),
};

const TARGETS = names("gateway control compile ca snapshot unit ui");

/** Members of `request.cf.tlsClientAuth` are the platform's to name: any that begins as they do is copied. */
const PLAIN_TLS = /^cert[A-Z]/;

/** A field of a case that this runner doesn't know, or null. */
export function strangerIn(attack: AttackCase): string | null {
  const { target, setup = {}, requests, must } = attack;
  if (!TARGETS.has(target)) return `target \`${target}\``;
  return (
    stranger("case", attack) ??
    stranger("setup", setup) ??
    strangerInKeys(attack) ??
    stranger("must", must) ??
    requests.map(strangerInRequest).find((found) => found !== null) ??
    null
  );
}

/** Only a whole mesh has keys; and one that nothing names, or that is named and not there, is a mistake. */
function strangerInKeys(attack: AttackCase): string | null {
  const keys = attack.setup?.keys ?? [];
  if (keys.length > 0 && attack.target !== "gateway") return "setup field `keys` there";
  const field = keys.map((key) => stranger("key", key)).find((found) => found !== null);
  if (field !== undefined) return field;
  const named = placeholdersIn(JSON.stringify(attack));
  const missing = named.find((name) => !keys.some((key) => key.name === name));
  if (missing !== undefined) return `key \`${missing}\``;
  const idle = keys.find(({ name }) => !named.includes(name));
  return idle === undefined ? null : `use of the key \`${idle.name}\``;
}

function strangerInRequest(request: AttackRequest): string | null {
  return (
    stranger("request", request) ??
    stranger("tls", request.tls ?? {}, PLAIN_TLS) ??
    stranger("jwt", request.jwt ?? {}) ??
    stranger("jwt", request.jwt2 ?? {})
  );
}

function stranger(place: keyof typeof FIELDS, object: object, plain = /^$/): string | null {
  const other = Object.keys(object).find((field) => !FIELDS[place].has(field) && !plain.test(field));
  return other === undefined ? null : `${place} field \`${other}\``;
}
