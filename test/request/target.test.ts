import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTarget } from "../../src/request/target.ts";

/** What the parser alone says. */
function parsed(text: string) {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return null;
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return { secure, hostname: url.hostname, port, host: url.host, pathname: url.pathname, query: url.search.slice(1) };
}

/** Without the word on how it was read. */
function read(text: string) {
  const target = readTarget(text);
  if (target === null) return null;
  const { plain: _, ...rest } = target;
  return rest;
}

describe("readTarget", () => {
  it.each([
    "http://a.test/",
    "https://a.test:443/x?y",
    "http://a.test:443/x",
    "http://a.test/a/../b",
    "http://a.test/a/.b/..c",
    "http://a.test/%61",
    "http://a.test//x",
    "http://A.test/",
    "http://a.test./",
    "http://127.1/",
    "http://0x7f.1/",
    "http://a.0x1/",
    "http://[::1]:80/",
    "http://a.test:0/",
    "http://a.test:65536/",
    "http://a.test:080/",
    "http://u@a.test/",
    "http://a.test/x#y",
    "http://a.test/x?a'b",
    "http://a.test/x?a<b",
    "http://a.test",
    "http://xn--a.test/",
    "http://a.test/x\\y",
    "http://a.test/x\ty",
    "ftp://a.test/",
    "http:///x",
    "/x",
  ])("reads %s as the parser does", (text) => {
    expect(read(text)).toEqual(parsed(text));
  });

  it("reads whatever comes as the parser does", () => {
    const piece = fc.constantFrom(
      ...("abzAZ09-._~!$&'()*+,;=:@/?#%[]\\ \t\"<>^`{|}éß。".match(/./gsu) ?? []),
      "..",
      "%2e",
      "%61",
      "xn--",
      "0x",
      ":80",
      ":443",
      ".test",
      "//",
    );
    const text = fc
      .tuple(
        fc.constantFrom("http://", "https://", "http://a.test", "http://a.test/", "https://b:8080/"),
        fc.array(piece, { maxLength: 12 }),
      )
      .map(([start, pieces]) => start + pieces.join(""));
    fc.assert(
      fc.property(text, (url) => {
        expect(read(url)).toEqual(parsed(url));
      }),
      { numRuns: 20_000 },
    );
  });
});
