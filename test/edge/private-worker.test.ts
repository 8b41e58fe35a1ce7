import { describe, expect, it } from "vitest";
import worker from "../../edge/private-worker.ts";

describe("the local stand-in of a private network", () => {
  it.each([
    ["my-authority", "my-authority"],
    ["my-authority:9080", "my-authority:9080"],
    ["my-authority:80", "my-authority"],
    [null, "127.0.0.1:41643"],
  ])("sends Host %s on as %s, whatever port is connected to", async (host, want) => {
    let sent: Request | null = null;
    const fetch = async (request: Request): Promise<Response> => {
      sent = request;
      return new Response();
    };
    const headers = host === null ? {} : { host };
    await worker.fetch(new Request("http://127.0.0.1:41643/a?b", { headers }), { FORWARDER: { fetch } });
    const onward = sent as unknown as Request;
    expect(onward.url).toBe(`http://${want}/a?b`);
    expect(onward.headers.get("tulle-private-target")).toBe("http://127.0.0.1:41643");
  });

  it("tells of TLS, and sends nothing but plain HTTP to the forwarder", async () => {
    let sent: Request | null = null;
    const fetch = async (request: Request): Promise<Response> => {
      sent = request;
      return new Response();
    };
    await worker.fetch(new Request("https://10.0.0.7/a", { headers: { host: "api:9080" } }), { FORWARDER: { fetch } });
    const onward = sent as unknown as Request;
    expect([onward.url, onward.headers.get("tulle-private-target")]).toEqual(["http://api:9080/a", "https://10.0.0.7"]);
  });
});
