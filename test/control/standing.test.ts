import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { FORMAT } from "../../src/snapshot/model.ts";
import { Publisher } from "../../workers/control/publisher.ts";

const GATEWAY = "gateway-a";

function publisherOf(): Publisher {
  const { privateKey } = generateKeyPairSync("ed25519");
  return new Publisher({
    local: false,
    trustDomain: "cluster.local",
    signingKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    authority: { version: 0, authorities: [], revoked: { serials: [], ids: [] } },
    generation: 1,
    deployments: [
      {
        props: { gateway: GATEWAY, fronts: ["*"], gateways: ["*"] },
        registration: { bindings: [], hasPrivate: true, format: FORMAT },
      },
    ],
  });
}

it("a location that served something older when it was heard last is behind, also while it is late with its word", async () => {
  const publisher = publisherOf();
  const heard = async (location: string, serving: number, now: number) =>
    publisher.root(GATEWAY, null, { location, serving, refused: null }, now);
  await heard("AMS", 1, 0);
  await heard("FRA", 1, 0);
  const spec = { selector: { app: "a" }, ports: [{ name: "http", port: 80 }] };
  const metadata = { name: "a", namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" };
  publisher.attempt([{ before: null, after: { apiVersion: "v1", kind: "Service", metadata, spec } }]).accept();
  publisher.publish(2);
  await heard("AMS", 2, 3_000);
  expect(publisher.standing(3_000)).toMatchObject({
    isAwake: true,
    behind: [{ location: "FRA", serving: 1, newest: 2 }],
  });
  await heard("FRA", 2, 4_000);
  expect(publisher.standing(4_000)).toEqual({ isAwake: true, behind: [] });
  expect(publisher.standing(6_600)).toEqual({ isAwake: false, behind: [] });
});
