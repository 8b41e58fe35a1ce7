import { describe, expect, it } from "vitest";
import { type PlannedWorker, planDeployments } from "../../cli/deploy/plan.ts";

function worker(name: string, role: string, ...binds: string[]): PlannedWorker {
  return { name, role, binds, needs: [] };
}

function told(workers: readonly PlannedWorker[]): string[] {
  return planDeployments(workers).map(
    (step) => `${step.pass} ${step.worker.name}${step.without.length > 0 ? ` -${step.without.join(",")}` : ""}`,
  );
}

describe("planDeployments", () => {
  it("puts what is bound before what binds it", () => {
    const workers = [worker("web", "service", "gw"), worker("gw", "gateway", "reviews"), worker("reviews", "service")];
    expect(told(workers)).toEqual(["1 reviews", "1 gw", "1 web"]);
  });

  it("deploys one of a circle first without the bindings that close it, and again with all", () => {
    const workers = [worker("gw", "gateway", "web"), worker("web", "service", "gw")];
    expect(told(workers)).toEqual(["1 gw -web", "1 web", "2 gw"]);
  });

  it("puts a Worker whose Durable Objects another one uses before it, even in a circle", () => {
    const uses = { ...worker("a-uses", "service", "gw"), needs: ["z-has"] };
    expect(told([worker("gw", "gateway", "a-uses", "z-has"), uses, worker("z-has", "service", "gw")])).toEqual([
      "1 gw -a-uses,z-has",
      "1 z-has",
      "1 a-uses",
      "2 gw",
    ]);
  });

  it("takes those that were deployed before as being there", () => {
    const steps = planDeployments([worker("gw", "gateway", "web"), worker("web", "service", "gw")], new Set(["web"]));
    expect(steps.map(({ worker: { name }, without }) => [name, without])).toEqual([
      ["gw", []],
      ["web", []],
    ]);
  });

  it("takes Workers that are not of this mesh as being there", () => {
    expect(told([worker("gw", "gateway", "elsewhere")])).toEqual(["1 gw"]);
  });

  it("deploys two gateways that front each other's callers without deploying the services twice", () => {
    const workers = [
      worker("gw-a", "gateway", "a"),
      worker("gw-b", "gateway", "b"),
      worker("a", "service", "gw-b"),
      worker("b", "service", "gw-a"),
    ];
    const steps = planDeployments(workers);
    expect(steps.filter(({ pass }) => pass === 2).map((step) => step.worker.role)).toEqual(["gateway"]);
    expect(new Set(steps.map((step) => step.worker.name)).size).toBe(4);
  });
});
