import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/resources/object.ts";
import { FORMAT, type Root, type Slice } from "../../src/snapshot/model.ts";
import { readSlice } from "../../src/snapshot/signature.ts";
import { LinkedSlices } from "../../workers/control/linked-slices.ts";
import { Publisher } from "../../workers/control/publisher.ts";
import { decided, facts } from "../decide/requests.ts";

const HOST = "a.istio-system.svc.cluster.local";
const SERVED = "/api/v[0-9]+/.*";
const object = (apiVersion: string, kind: string, name: string, spec: unknown): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: "istio-system", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec,
});
const OBJECTS = [
  object("v1", "Service", "a", { selector: { app: "a" }, ports: [{ name: "http", port: 80 }] }),
  object("networking.istio.io/v1", "VirtualService", "a", {
    hosts: [HOST],
    http: [{ match: [{ uri: { regex: SERVED } }], directResponse: { status: 200, body: { string: "a" } } }],
  }),
  object("telemetry.istio.io/v1", "Telemetry", "a", {
    accessLogging: [{ filter: { expression: 'request.url_path.matches("^/b")' } }],
  }),
];

describe("configuration for a gateway", () => {
  let publisher: Publisher;
  const register = (format: number) =>
    publisher.register({
      props: { gateway: "a", fronts: ["*"], gateways: ["*"] },
      registration: { bindings: [], hasPrivate: true, format },
    });
  const given = async () => {
    const answer = await publisher.root("a", null, undefined, 1_000);
    if (answer.kind !== "root") throw new Error(answer.kind);
    const root = JSON.parse(answer.root.payload) as Root;
    const id = root.scopes["mesh/*"]?.[HOST] ?? "";
    const text = (await publisher.slices("a", [id], 1_000))[id] ?? "";
    return { root, id, text, slice: JSON.parse(text) as Slice };
  };

  beforeAll(() => {
    const { privateKey } = generateKeyPairSync("ed25519");
    publisher = new Publisher({
      local: false,
      trustDomain: "cluster.local",
      signingKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
      authority: { version: 0, authorities: [], revoked: { serials: [], ids: [] } },
      generation: 1,
      deployments: [],
    });
    const attempt = publisher.attempt(OBJECTS.map((after) => ({ before: null, after })));
    expect([...attempt.findings.values()].flat().filter(({ severity }) => severity === "error")).toEqual([]);
    attempt.accept();
    publisher.publish(2, 2);
  });

  it("of before programs is in the format that it reads, and has none", async () => {
    register(3);
    const { root, id, text, slice } = await given();
    expect([root.format, slice.format]).toEqual([3, 3]);
    expect(root.telemetry?.settings).not.toEqual([]);
    expect([root.telemetry?.programs, slice.programs]).toEqual([undefined, undefined]);
    expect(await readSlice(text, id)).toEqual({ ok: false, error: { code: "snapshot_programs" } });
  });

  it("has the programs of all its patterns from its registration on, in a newer root of the same generation", async () => {
    register(3);
    const before = await given();
    expect(register(FORMAT)).toBe(true);
    const { root, id, text, slice } = await given();
    expect([root.format, slice.format, root.generation]).toEqual([FORMAT, FORMAT, before.root.generation]);
    expect(root.issuedAt).toBeGreaterThan(before.root.issuedAt);
    expect(Object.keys(root.telemetry?.programs?.code ?? {})).toEqual(["^/b"]);
    expect(Object.keys(slice.programs?.code ?? {})).toEqual([SERVED]);
    expect(await readSlice(text, id)).toMatchObject({ ok: true });
  });

  it("is in the oldest format that is written where it reads none of them, and it refuses that", async () => {
    register(2);
    const { root, slice } = await given();
    expect([root.format, slice.format]).toEqual([3, 3]);
  });

  it("of before programs is explained as any other: control compiles what a record's slice lacks", async () => {
    register(3);
    const { id, text } = await given();
    const slice = new LinkedSlices().take(id, text);
    if (slice === null) throw new Error("forgotten");
    const at = (path: string) => decided(slice, facts({ path, host: HOST, authority: HOST, port: 80 }));
    expect(at("/api/v1/x")).toMatchObject({ code: "direct_response" });
    expect(at("/api/v/x")).toMatchObject({ code: "no_route" });
  });
});
