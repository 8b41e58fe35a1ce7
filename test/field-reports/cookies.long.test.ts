import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EchoMesh, policy, routes } from "./echo-mesh.ts";

/** The runtime joins lines of one name by `, `; cookies are joined by `; ` (RFC 9113 section 8.2.3). */
const CASES: readonly { readonly name: string; readonly lines: readonly string[]; readonly arrives: string }[] = [
  { name: "one line stays as it is", lines: ["a=1; b=2"], arrives: "a=1; b=2" },
  { name: "two lines become one", lines: ["a=1", "b=2"], arrives: "a=1; b=2" },
  { name: "a comma inside quotes is the value's", lines: ['a="x, y"; b=2'], arrives: 'a="x, y"; b=2' },
  { name: "what looks like a cookie inside quotes is the value's", lines: ['a="x, b=1, y"'], arrives: 'a="x, b=1, y"' },
  { name: "quotes and a second line", lines: ['a="x, y"', "b=2"], arrives: 'a="x, y"; b=2' },
  { name: "JSON with commas and blanks", lines: ['a={"b":"c, d"}; e=1'], arrives: 'a={"b":"c, d"}; e=1' },
  { name: "a comma without a blank", lines: ["a=1,2; b=3"], arrives: "a=1,2; b=3" },
  { name: "a comma that no name follows", lines: ["a=Mon, 01 Jan; b=3"], arrives: "a=Mon, 01 Jan; b=3" },
  { name: "UTF-8", lines: ["a=Zoë; b=2"], arrives: "a=Zoë; b=2" },
  { name: "a quote that does not end", lines: ['a="x, y'], arrives: 'a="x, y' },
];

describe("cookies on the local mesh", () => {
  let echo: EchoMesh;

  beforeAll(async () => {
    echo = await EchoMesh.start(
      28_800,
      ["plain", "denied", "sticky"],
      [
        routes("plain", [{ route: [{ destination: { host: "plain" } }] }]),
        JSON.stringify({
          apiVersion: "networking.istio.io/v1",
          kind: "DestinationRule",
          metadata: { name: "sticky" },
          spec: {
            host: "sticky",
            trafficPolicy: {
              loadBalancer: { consistentHash: { httpCookie: { name: "at", path: "/", ttl: "3600s" } } },
            },
          },
        }),
        policy("denied", "DENY", { when: [{ key: "request.headers[cookie]", values: ["role=admin"] }] }),
      ],
    );
  });

  afterAll(async () => {
    await echo.stop();
  });

  const sent = async (name: string, lines: readonly string[]) =>
    echo.send(name, "/", {
      headers: lines.map((line) => ["Cookie", Buffer.from(line, "utf8").toString("latin1")] as const),
    });

  it.each(CASES)("$name", async ({ lines, arrives }) => {
    const { arrived } = await sent("plain", lines);
    expect(Buffer.from(arrived?.headers["cookie"] ?? "", "latin1").toString("utf8")).toBe(arrives);
  });

  it.each([
    { name: "on a line of its own", lines: ["a=1", "role=admin"] },
    { name: "between others", lines: ["a=1; role=admin; b=2"] },
    { name: "behind a quoted value", lines: ['a="x, y"; role=admin'] },
  ])("a denied cookie is seen $name", async ({ lines }) => {
    expect((await sent("denied", lines)).status).toBe(403);
  });

  it("a client without the cookie that its endpoint is picked by gets one, and brings it from then on", async () => {
    const { setCookies } = await sent("sticky", []);
    expect(setCookies).toEqual([expect.stringMatching(/^at="[0-9a-f]{16}"; Max-Age=3600; Path=\/; HttpOnly$/)]);
    const [cookie = ""] = setCookies[0]?.split(";") ?? [];
    const next = await sent("sticky", [cookie]);
    expect(next.setCookies).toEqual([]);
    expect(next.arrived?.headers["cookie"]).toBe(cookie);
  });
});
