import { describe, expect, it } from "vitest";
import { readCurl } from "../../cli/tulle/curl-line.ts";

const words = (line: string): readonly string[] => line.split(" ");

describe("a curl command line", () => {
  it.each([
    { line: "curl http://a.test", is: { method: "GET", scheme: "http", host: "a.test", path: "/", query: "" } },
    {
      line: "https://a.test:8443/b/../c?x=1#y",
      is: { scheme: "https", host: "a.test:8443", path: "/b/../c", query: "x=1" },
    },
    { line: "curl -sSfX DELETE a.test/b", is: { method: "DELETE", path: "/b" } },
    {
      line: "curl -d a=1 http://a.test",
      is: { method: "POST", headers: { "content-type": ["application/x-www-form-urlencoded"] } },
    },
    { line: "curl -G -d a=1 --data b=2 http://a.test/?c=3", is: { method: "GET", query: "c=3&a=1&b=2", headers: {} } },
    { line: "curl -I http://a.test", is: { method: "HEAD" } },
    {
      line: "curl --request=PUT -HX-A:1 -H x-a:2 -b c=d -u u:p http://a.test",
      is: { method: "PUT", headers: { "x-a": ["1", "2"], cookie: ["c=d"], authorization: ["Basic dTpw"] } },
    },
    { line: "curl -o /dev/null -w %{http_code} --cacert ca.pem http://a.test", is: { method: "GET" } },
  ])("$line", ({ line, is }) => {
    expect(readCurl(words(line))).toMatchObject(is);
  });

  it.each([
    { line: "curl", says: "has no URL" },
    { line: "curl http://a.test http://b.test", says: "two URLs" },
    { line: "curl ftp://a.test", says: "no URL of http" },
    { line: "curl -T file http://a.test", says: "`-T` is not read here: leave it out" },
    { line: "curl http://a.test -H", says: "`-H` wants a value" },
    { line: "curl -H @file http://a.test", says: "headers of a file" },
  ])("$line is refused, and why", ({ line, says }) => {
    expect(() => readCurl(words(line))).toThrow(says);
  });
});
