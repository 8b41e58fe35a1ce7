import { type AttackCase, type AttackRequest, CONTROL_CLASSES, WAITS } from "./corpus.ts";
import { ARRANGED } from "./worlds.ts";
import { HELD_WORDS } from "./conditions.ts";

const names = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const FIELDS = {
  case: names("id title class severity kind target source setup requests must note"),
  setup: names("policies words document"),
  request: names("method target host headers body raw tls jwt jwt2 mutate cf_connecting_ip apply"),
  tls: names("peer uriSans dnsSans cn notAfter notBefore certRFC9440 certPresented certVerified certRevoked"),
  jwt: names("header claims sign payload serialization"),
  must: names(
    "status status_seq upstream_hits upstream_hits_max upstream_path upstream_path_never upstream_headers " +
      "upstream_headers_absent response_headers_absent no_fetch_to max_ms apply words",
  ),
};

/** What `control.test.ts` knows beside them: its checks are written case by case. */
const OF_CONTROL: Partial<Record<keyof typeof FIELDS, ReadonlySet<string>>> = {
  request: names("csr generator n"),
  must: names("state_unchanged issued issued_count body_absent prototype_clean status_multiset_max"),
};

/** What of a case this runner doesn't know, so that it can't tell whether the case holds; null where it knows it all. */
export function unknownIn(attack: AttackCase): string | null {
  const { target, setup = {}, must } = attack;
  if (target !== "gateway" && target !== "compile") return `target \`${target}\``;
  const stranger = strangerIn(attack);
  if (stranger !== null) return stranger;
  if (target === "compile" && (setup.document ?? setup.policies) === undefined) return "way to say what is applied";
  if (setup.words !== undefined && !ARRANGED.has(setup.words)) return `setup \`${setup.words}\``;
  return must.words === undefined || HELD_WORDS.has(must.words) ? null : `condition \`${must.words}\``;
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
