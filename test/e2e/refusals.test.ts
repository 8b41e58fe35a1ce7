import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../support/http.ts";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const JSON_TYPE = { "content-type": "application/json" };

function rule(name: string, spec: unknown, metadata: Record<string, unknown> = {}): string {
  return JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, ...metadata },
    spec,
  });
}

describe("what is wrong is refused with its path and reason, and nothing is stored", () => {
  let mesh: RunningMesh;

  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "25000", "--loopback", "127.0.27.0/24", "--empty"]);
  });
  afterAll(() => mesh.stop());

  /** Without what is worked out when somebody asks. */
  async function stored(): Promise<string> {
    const list = JSON.parse((await mesh.control(RULES)).text, (_, value: unknown) =>
      Array.isArray(value) ? value.filter((one) => Object(one).type !== "Programmed") : value,
    ) as { items: unknown };
    const status = JSON.parse((await mesh.control("/api/v1/status")).text) as { generation: number };
    return JSON.stringify([list.items, status.generation]);
  }

  const post = (body: string) => mesh.control(RULES, { method: "POST", headers: JSON_TYPE, body });

  it.each<{ name: string; call: () => Promise<Answer>; status: number; reason: string; says: string }>([
    {
      name: "an unknown field",
      call: () => post(rule("a", { host: "x", trafficPolicy: { outlierDetektion: {} } })),
      status: 422,
      reason: "Invalid",
      says: "spec.trafficPolicy.outlierDetektion",
    },
    {
      name: "a wrong value",
      call: () => post(rule("a", { host: "x", trafficPolicy: { outlierDetection: { interval: "soon" } } })),
      status: 422,
      reason: "Invalid",
      says: "spec.trafficPolicy.outlierDetection.interval",
    },
    {
      name: "what is not built yet",
      call: () =>
        mesh.control("/k8s/apis/security.istio.io/v1/namespaces/default/authorizationpolicies", {
          method: "POST",
          headers: JSON_TYPE,
          body: JSON.stringify({
            apiVersion: "security.istio.io/v1",
            kind: "AuthorizationPolicy",
            metadata: { name: "a" },
            spec: { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "a" }] },
          }),
        }),
      status: 422,
      reason: "Invalid",
      says: "not supported yet",
    },
    {
      name: "a missing namespace",
      call: () =>
        mesh.control(RULES.replace("default", "nowhere"), {
          method: "POST",
          headers: JSON_TYPE,
          body: rule("a", { host: "x" }, { namespace: "nowhere" }),
        }),
      status: 404,
      reason: "NotFound",
      says: 'namespaces "nowhere" not found',
    },
    {
      name: "wrong YAML syntax",
      call: () => mesh.apply("kind: [unclosed\n"),
      status: 400,
      reason: "BadRequest",
      says: "line",
    },
    {
      name: "a bad token",
      call: () => mesh.control(RULES, { headers: { authorization: "Bearer wrong" } }),
      status: 401,
      reason: "Unauthorized",
      says: "Unauthorized",
    },
  ])("$name", async ({ call, status, reason, says }) => {
    const before = await stored();
    const answer = await call();
    expect(answer.status, answer.text).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ kind: "Status", status: "Failure", reason, code: status });
    expect(answer.text).toContain(says.replaceAll('"', '\\"'));
    expect(await stored()).toBe(before);
  });

  it("no token at all", async () => {
    expect((await send(`${mesh.info.controlHttp}${RULES}`)).status).toBe(401);
    expect((await send(mesh.info.metrics)).status).toBe(401);
  });

  it("a lost update: a stale resourceVersion is 409", async () => {
    const made = JSON.parse((await post(rule("lost", { host: "x" }))).text) as {
      metadata: { resourceVersion: string };
    };
    const put = (host: string, resourceVersion: string) =>
      mesh.control(`${RULES}/lost`, {
        method: "PUT",
        headers: JSON_TYPE,
        body: rule("lost", { host }, { namespace: "default", resourceVersion }),
      });
    expect((await put("y", made.metadata.resourceVersion)).status).toBe(200);
    const before = await stored();
    const late = await put("z", made.metadata.resourceVersion);
    expect(late.status).toBe(409);
    expect(JSON.parse(late.text)).toMatchObject({ reason: "Conflict" });
    expect(await stored()).toBe(before);
  });

  it("a multi-document apply with one bad document stores nothing and names its line", async () => {
    const before = await stored();
    const answer = await mesh.apply(`${rule("first", { host: "x" })}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: second }
spec: { hots: x }
---
${rule("third", { host: "x" })}
`);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain("spec.hots");
    const { results } = JSON.parse(answer.text) as { results: { line: number }[] };
    expect(results[1]?.line).toBe(3);
    expect(await stored()).toBe(before);
  });

  it("a dry run answers as if, and stores nothing", async () => {
    const before = await stored();
    const answer = await mesh.apply(rule("dry", { host: "x" }), "?dryRun=All");
    expect(answer.status).toBe(200);
    expect(await stored()).toBe(before);
  });
});
