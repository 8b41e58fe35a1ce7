import { z } from "zod";
import { parseDuration } from "./duration.ts";
import { list, strict, text } from "./fields.ts";
import type { Report } from "./report.ts";

/** RFC 9110 §5.6.2, and RFC 6265 §4.1.1 for the names of cookies. */
const token = text((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name), "a name of letters, digits and `!#$%&'*+-.^_|~`");

/** In Set-Cookie a `;` would begin another attribute, and a control character another line. */
const COOKIE_TEXT = /^[\x20-\x3a\x3c-\x7e]*$/;
const cookieText = text((value) => COOKIE_TEXT.test(value), "printable ASCII without `;`");

/** No timer runs by it, so it may be as long as one likes. */
const timeToLive = text((value) => parseDuration(value) !== null, "a duration such as `3600s`, or `0s` for a session");

const Cookie = strict({
  name: token,
  path: cookieText.exactOptional(),
  ttl: timeToLive.exactOptional(),
  attributes: list(strict({ name: token, value: cookieText.exactOptional() })).exactOptional(),
});

/** The most places that Envoy takes. */
const MOST_PLACES = 8_388_608;
/** 8 bytes a place, per cluster and isolate. */
export const MOST_PLACES_HERE = 1_048_576;
const ringSize = z.int().min(0).max(MOST_PLACES);

/** Istio's bound, the first prime above 5,000,000 left out. */
const TABLE_BOUND = 5_000_011;
/**
 * The larger of the two sizes that Maglev's authors measured, a prime: shares of a hundred endpoints are even to a tenth of a
 * percent. The first request waits a tenth of a second for such a table, and for one of 5,000,000 slots one or two.
 */
export const MOST_SLOTS_HERE = 655_373;

const tableSize = z
  .int()
  .refine((size) => size < TABLE_BOUND && isPrime(size), { error: `must be a prime below ${TABLE_BOUND}` });

export const ConsistentHash = strict({
  httpHeaderName: text((name) => /^:?[\w!#$%&'*+.^`|~-]+$/.test(name), "the name of a header").exactOptional(),
  httpCookie: Cookie.exactOptional(),
  useSourceIp: z.boolean().exactOptional(),
  httpQueryParameterName: z.string().min(1).exactOptional(),
  ringHash: strict({ minimumRingSize: ringSize.exactOptional() }).exactOptional(),
  maglev: strict({ tableSize }).exactOptional(),
  minimumRingSize: ringSize.exactOptional(),
});

type ConsistentHashSpec = z.infer<typeof ConsistentHash>;

const KEYS = ["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"] as const;

export function checkConsistentHash(spec: ConsistentHashSpec, report: Report): void {
  const { ringHash, maglev, minimumRingSize, httpCookie, httpHeaderName } = spec;
  const [key, ...others] = KEYS.filter((name) => spec[name] !== undefined);
  for (const other of others) report.at(other).error(`cannot go with \`${key}\``);
  if (key === undefined || spec[key] === false)
    report.warn("names nothing to pick by: each request gets a random endpoint", "TULLE0003");
  if (httpHeaderName?.startsWith(":") && !PSEUDO_HEADERS.has(httpHeaderName))
    report.at("httpHeaderName").error("of the names with `:` there are `:method`, `:path` and `:authority`");
  if (ringHash && maglev) report.at("maglev").error("cannot go with `ringHash`");
  if (minimumRingSize) {
    const place = report.at("minimumRingSize");
    if (ringHash || maglev) place.error(`cannot go with \`${ringHash ? "ringHash" : "maglev"}\``);
    else place.warn("the old place of `ringHash.minimumRingSize`", "TULLE0004");
  }
  checkSize(ringHash?.minimumRingSize, report.at("ringHash", "minimumRingSize"));
  checkSize(minimumRingSize, report.at("minimumRingSize"));
  if (maglev !== undefined && maglev.tableSize > MOST_SLOTS_HERE)
    report.at("maglev", "tableSize").warn(`a table has ${MOST_SLOTS_HERE} slots at most here`);
  const names = new Set<string>();
  for (const [index, { name }] of (httpCookie?.attributes ?? []).entries()) {
    if (names.has(name))
      report.at("httpCookie", "attributes", index, "name").error(`\`${name}\` is there twice`, "FieldValueDuplicate");
    names.add(name);
  }
}

const PSEUDO_HEADERS = new Set([":method", ":path", ":authority"]);

function checkSize(size: number | undefined, place: Report): void {
  if (size !== undefined && size > MOST_PLACES_HERE) place.warn(`a ring has ${MOST_PLACES_HERE} places at most here`);
}

function isPrime(size: number): boolean {
  if (size < 2) return false;
  for (let by = 2; by * by <= size; by += 1) if (size % by === 0) return false;
  return true;
}
