import { expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { link } from "../../src/snapshot/link.ts";
import { service, TestWorld } from "../compile/world.ts";
import { times } from "../support/scale.ts";
import { naiveVerdict } from "./naive.ts";
import { factsOf, HOST, randomMesh } from "./random-meshes.ts";
import { Dice } from "./random-policies.ts";

const MESHES = times(60, 1_000);
const REQUESTS = 40;
/** The short run always tries the same, the long one others each time; `SEED=n` tries them again. */
const SEED = times(1, Math.floor(Math.random() * 2 ** 31));
const CODES = {
  mtls: "mtls_required",
  denied: "rbac_denied_matched_policy",
  "no-allow": "rbac_denied_no_allow",
} as const;

it(`decides as a naive reading of the documents does, ${MESHES * REQUESTS} times`, () => {
  const seed = Number(process.env["SEED"] ?? SEED);
  const dice = new Dice(seed);
  const seen = new Map<string, number>();
  for (let round = 0; round < MESHES; round += 1) {
    const mesh = randomMesh(dice);
    const { port } = mesh;
    const labels = { app: "api", version: "v1" };
    const world = new TestWorld();
    world.apply([service("api", { namespace: "shop", port }), ...mesh.documents].join("\n---\n"));
    const slice = world.slice("mesh/*", HOST);
    if (slice === null) throw new Error("no slice");
    const linked = link(slice);
    for (let at = 0; at < REQUESTS; at += 1) {
      const request = dice.request(HOST, port);
      const wanted = naiveVerdict(mesh, { namespace: "shop", labels, port }, request);
      const asked = { ...factsOf(request, mesh), port };
      const decision = decide(linked, asked);
      const got = decision.effect === "answer" ? decision.code : decision.effect;
      const told = () => `SEED=${seed}, ${JSON.stringify({ mesh, port, request }, null, 1)}`;
      if (got !== (wanted === "allowed" ? "forward" : CODES[wanted])) expect(got, told()).toBe(wanted);
      seen.set(wanted, (seen.get(wanted) ?? 0) + 1);
    }
  }
  for (const verdict of ["allowed", "mtls", "denied", "no-allow"])
    expect(seen.get(verdict) ?? 0, verdict).toBeGreaterThan((MESHES * REQUESTS) / 50);
});
