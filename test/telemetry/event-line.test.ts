import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventLine, withoutSecrets } from "../../src/telemetry/event-line.ts";

const hex = "0123456789abcdef";
const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019_-".split("")), minLength: 43, maxLength: 43 });

/** Something secret, in a form that it has in errors, headers and URLs, with what must not be seen of it. */
const secret = fc.oneof(
  fc.tuple(fc.constantFrom("tulle_", "session_", "join_", "tk_"), word).map(([prefix, rest]) => [prefix + rest, rest]),
  fc.tuple(fc.constantFrom("Bearer ", "bearer  ", "Basic "), word).map(([scheme, rest]) => [scheme + rest, rest]),
  word.map((rest) => [`eyJhbGciOiJFUzI1NiJ9.eyJ${rest}.${rest}`, rest]),
  word.map((rest) => [`-----BEGIN EC PRIVATE KEY-----\n${rest}\n-----END EC PRIVATE KEY-----`, rest]),
  word.map((rest) => [`https://a.example/x?access_token=${rest}&b=c`, rest]),
  word.map((rest) => [`Cookie: sid=${rest}`, rest]),
  word.map((rest) => [`{"authorization":"${rest}"}`, rest]),
  fc
    .string({ unit: fc.constantFrom(...hex.split("")), minLength: 64, maxLength: 64 })
    .map((rest) => [`Failed query: insert into "tokens" values (?, ?)\nparams: id,${rest}`, rest]),
);
/** Characters that move a terminal's cursor, end a line, or turn text round. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "\n",
      "\r",
      "\u001b[2J",
      "\u0000",
      "\u007f",
      "\u0085",
      "\u2028",
      "\u2029",
      "\u202e",
      "\ud800",
      '"',
      "\\",
      "}{",
    ),
    fc.string({ minLength: 1, maxLength: 3, unit: "binary" }),
  ),
  maxLength: 300,
});

describe("a line of the log that is no request's", () => {
  it("is one JSON object in ASCII of at most 8 KiB, whatever stands in it", () => {
    const value = fc.oneof(
      hostile,
      fc.string({ maxLength: 20_000 }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
      fc.array(hostile, { maxLength: 5 }),
      fc.dictionary(hostile, hostile, { maxKeys: 5 }),
    );
    fc.assert(
      fc.property(fc.dictionary(hostile, value, { maxKeys: 40 }), (fields) => {
        const line = eventLine({ event: "trial", ...fields });
        expect(line).toMatch(/^[ -~]*$/);
        expect(line.length).toBeLessThanOrEqual(8_192);
        expect(JSON.parse(line)).toBeTypeOf("object");
      }),
    );
  });

  it("holds no token, key, cookie, bound value or value of a query, wherever it stands", () => {
    fc.assert(
      fc.property(hostile, secret, hostile, (before, [text = "", hidden = ""], after) => {
        const line = eventLine({ event: "trial", message: `${before} ${text} ${after}`, more: { deep: [text] } });
        expect(line).not.toContain(hidden);
        expect(JSON.parse(line)["event"]).toBe("trial");
      }),
    );
  });

  it("leaves what is no secret as it is", () => {
    for (const text of [
      "D1_ERROR: no such table: audit",
      "it did not answer within 2 s",
      "networking.istio.io/VirtualService/a/b",
    ])
      expect(withoutSecrets(text)).toBe(text);
    expect(eventLine({ event: "a", code: "b", n: 1, none: undefined, ok: true })).toBe(
      '{"event":"a","code":"b","n":1,"ok":true}',
    );
  });
});
