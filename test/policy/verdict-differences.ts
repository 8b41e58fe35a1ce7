import { decide } from "../../src/decide/decide.ts";
import { link } from "../../src/snapshot/link.ts";
import { service, TestWorld } from "../compile/world.ts";
import { naiveVerdict } from "./naive.ts";
import { factsOf, HOST, randomMesh } from "./random-meshes.ts";
import type { Dice } from "./random-policies.ts";

export const REQUESTS_A_MESH = 40;

export const VERDICTS = ["allowed", "mtls", "denied", "no-allow"] as const;
const CODES = {
  mtls: "mtls_required",
  denied: "rbac_denied_matched_policy",
  "no-allow": "rbac_denied_no_allow",
} as const;

/** Where the compiled policies of random meshes decide otherwise than a naive reading of their documents does. */
export function verdictDifferences(
  dice: Dice,
  meshes: number,
): { readonly differences: readonly string[]; readonly seen: ReadonlyMap<string, number> } {
  const seen = new Map<string, number>();
  const differences: string[] = [];
  for (let round = 0; round < meshes; round += 1) {
    const mesh = randomMesh(dice);
    const { port } = mesh;
    const labels = { app: "api", version: "v1" };
    const world = new TestWorld();
    world.apply([service("api", { namespace: "shop", port }), ...mesh.documents].join("\n---\n"));
    const slice = world.slice("mesh/*", HOST);
    if (slice === null) throw new Error("no slice");
    const linked = link(slice);
    for (let at = 0; at < REQUESTS_A_MESH; at += 1) {
      const request = dice.request(HOST, port);
      const wanted = naiveVerdict(mesh, { namespace: "shop", labels, port }, request);
      const asked = { ...factsOf(request, mesh), port };
      const decision = decide(linked, asked);
      const got = decision.effect === "answer" ? decision.code : decision.effect;
      if (got !== (wanted === "allowed" ? "forward" : CODES[wanted]))
        differences.push(`${got}, not ${wanted}: ${JSON.stringify({ mesh, port, request }, null, 1)}`);
      seen.set(wanted, (seen.get(wanted) ?? 0) + 1);
    }
  }
  return { differences, seen };
}
