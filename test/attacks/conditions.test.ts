import { expect, it } from "vitest";
import { checkReply } from "./conditions.ts";

const must = { status_counts: { 200: 10, 429: 1 }, response_headers_present: ["retry-after"] };

it.each([
  ["11th request in a minute is 429 with Retry-After", 200, true],
  ["11th request in a minute is 429 with Retry-After", 429, false],
  ["11th request in a minute is 429 with X-Other", 200, false],
  ["each answer has Retry-After", 200, false],
])(
  "a header that must be there is of every answer, but where the title says of which: %s, %i",
  (title, status, holds) => {
    const check = () => checkReply({ title, must }, { status, headers: {}, body: "", ms: 0 }, "");
    if (holds) expect(check).not.toThrow();
    else expect(check).toThrow("no retry-after");
  },
);
