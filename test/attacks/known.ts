import { type AttackCase, type AttackRequest, CONTROL_CLASSES, WAITS } from "./corpus.ts";
import { APPLIED, ARRANGED } from "./arrangements.ts";
import { GENERATORS } from "./generators.ts";
import { HELD_WORDS } from "./conditions.ts";

const names = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const FIELDS = {
  case: names("id title class severity kind target source setup requests must note"),
  setup: names("policies words document"),
  request: names(
    "method target host headers body raw tls jwt jwt2 mutate cf_connecting_ip apply value via generator n seed",
  ),
  tls: names("peer uriSans dnsSans cn notAfter notBefore certRFC9440 certPresented certVerified certRevoked"),
  jwt: names("header claims sign payload serialization"),
  must: names(
    "status status_seq upstream_hits upstream_hits_max upstream_path upstream_path_never upstream_headers " +
      "upstream_headers_absent response_headers response_headers_absent response_headers_absent_for_origin " +
      "response_headers_not no_fetch_to no_fetch jwks_fetches_max max_ms apply words " +
      "warn_at_apply error_contains invariant",
  ),
};

/** What a warning of `warn_at_apply` says in this project's words. */
export const WARNINGS: ReadonlyMap<string, RegExp> = new Map([["deny-without-rules", /no rules/]]);

/** What `control.test.ts` knows beside them: its checks are written case by case. */
const OF_CONTROL: Partial<Record<keyof typeof FIELDS, ReadonlySet<string>>> = {
  request: names("csr"),
  must: names("state_unchanged issued issued_count body_absent prototype_clean status_multiset_max"),
};

/** What of a case this runner doesn't know, so that it can't tell whether the case holds; null where it knows it all. */
export function unknownIn(attack: AttackCase): string | null {
  const { target, setup = {}, requests, must } = attack;
  if (target !== "gateway" && target !== "compile" && target !== "control") return `target \`${target}\``;
  const stranger = strangerIn(attack);
  if (stranger !== null) return stranger;
  const known = target === "gateway" ? ARRANGED : APPLIED;
  if (setup.words !== undefined && !known.has(setup.words)) return `setup \`${setup.words}\``;
  if (target !== "gateway" && Object.keys(setup).length === 0) return "way to say what is applied";
  for (const { generator, via } of requests) {
    if (generator !== undefined && !GENERATORS.has(generator)) return `generator \`${generator}\``;
    if (via !== undefined && via !== "service-binding") return `way in \`${via}\``;
  }
  if (must.warn_at_apply !== undefined && !WARNINGS.has(must.warn_at_apply)) return `warning \`${must.warn_at_apply}\``;
  const unheld = [must.words, must.invariant].find((words) => words !== undefined && !HELD_WORDS.has(words));
  return unheld === undefined ? null : `condition \`${unheld}\``;
}

/** A field of a case that this runner doesn't know, or null. */
export function strangerIn(attack: AttackCase): string | null {
  const { class: name, setup = {}, requests, must } = attack;
  return (
    stranger("case", attack, name) ??
    stranger("setup", setup, name) ??
    stranger("must", must, name) ??
    requests.map((request) => strangerInRequest(request, name)).find((found) => found !== null) ??
    null
  );
}

function strangerInRequest(request: AttackRequest, name: string): string | null {
  return (
    stranger("request", request, name) ??
    stranger("tls", request.tls ?? {}, name) ??
    stranger("jwt", request.jwt ?? {}, name) ??
    stranger("jwt", request.jwt2 ?? {}, name)
  );
}

function stranger(place: keyof typeof FIELDS, object: object, name: string): string | null {
  const more = CONTROL_CLASSES.has(name) ? OF_CONTROL[place] : undefined;
  const other = Object.keys(object).find((field) => !FIELDS[place].has(field) && !more?.has(field));
  return other === undefined ? null : `${place} field \`${other}\``;
}

/** The name of a case's test: it tells also what the case waits for. */
export function named({ id, title }: AttackCase): string {
  const wait = WAITS.get(id);
  return wait === undefined ? `${id} ${title}` : `${id} waits for ${wait.missing}: ${title}`;
}
