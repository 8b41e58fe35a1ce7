import { expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const WHOLE = { fronts: ["*"], gateways: [] };
const REVIEWS = "reviews.default.svc.cluster.local";

/** Two services, all compiled. */
function compiled(): TestWorld {
  const world = new TestWorld();
  world.apply([service("reviews"), service("cart")].join("---"));
  world.everything();
  return world;
}

function removed(world: TestWorld, kind: string) {
  const before = [...world.objects.values()].find((object) => object.kind === kind) ?? null;
  return [{ before, after: null }];
}

it("answers as if a tried change were made, and as before once it is rejected", () => {
  const world = compiled();
  const before = world.slice("mesh/*", REVIEWS);
  const attempt = world.compiler.attempt(removed(world, "Service"));
  expect(world.slice("mesh/*", REVIEWS)).toBeNull();
  attempt.reject();
  // The same object: what was compiled is not compiled again.
  expect(world.slice("mesh/*", REVIEWS)).toBe(before);
});

it("compiles nothing anew for a rejected change, whether or not anybody looked while it was tried", () => {
  const world = compiled();
  const before = world.compiler.scopes(WHOLE);
  world.compiler.attempt(removed(world, "WorkloadEntry")).reject();
  expect(world.compiler.scopes(WHOLE)).toBe(before);
});

it("keeps what an accepted change did not touch", () => {
  const world = compiled();
  const [cart, reviews] = [
    world.slice("mesh/*", "cart.default.svc.cluster.local"),
    world.slice("mesh/*", REVIEWS)?.clusters[`outbound|80||${REVIEWS}`]?.endpoints,
  ];
  expect(reviews).toHaveLength(1);
  world.compiler.attempt(removed(world, "WorkloadEntry")).accept();
  expect(world.slice("mesh/*", REVIEWS)?.clusters[`outbound|80||${REVIEWS}`]?.endpoints).toEqual([]);
  expect(world.slice("mesh/*", "cart.default.svc.cluster.local")).toBe(cart);
});

it("tries one change at a time: a second one is refused and leaves nothing behind", () => {
  const world = compiled();
  const first = world.compiler.attempt(removed(world, "WorkloadEntry"));
  expect(() => world.compiler.attempt(removed(world, "Service"))).toThrow("tried already");
  first.reject();
  expect(world.slice("mesh/*", REVIEWS)).not.toBeNull();
  expect(() => first.reject()).toThrow("no change");
});
