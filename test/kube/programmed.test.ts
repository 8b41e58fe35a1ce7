import { describe, expect, it } from "vitest";
import { kindOf } from "../../src/kinds/registry.ts";
import { programmedAt, saysProgrammed, withoutProgrammed, withProgrammed } from "../../src/kube/programmed.ts";

const behind = (serving: number, newest: number, refused: string | null = null) => ({
  gateway: "tulle-reviews",
  location: "AMS",
  serving,
  newest,
  refused,
});

describe("whether a change is live everywhere that is awake", () => {
  it("is unknown while no isolate takes requests", () => {
    expect(programmedAt(7, { isAwake: false, behind: [] })).toMatchObject({ status: "Unknown", reason: "NoneAwake" });
  });

  it("is so where each serves it, or was given nothing that it changed", () => {
    expect(programmedAt(7, { isAwake: true, behind: [] }).status).toBe("True");
    // One serves 7 already, and waits for 9; the other's newest root is older than the change.
    const standing = { isAwake: true, behind: [behind(7, 9), behind(3, 6)] };
    expect(programmedAt(7, standing).status).toBe("True");
  });

  it("is not while one serves what was before, and says which", () => {
    const verdict = programmedAt(7, { isAwake: true, behind: [behind(6, 7), behind(5, 9)] });
    expect(verdict).toMatchObject({ status: "False", reason: "Pending" });
    expect(verdict.message).toBe("tulle-reviews at AMS serves generation 6 still, and this is of 7, and 1 more");
  });

  it("is not while one refuses to take it, and says why", () => {
    const verdict = programmedAt(7, { isAwake: true, behind: [behind(6, 7), behind(5, 9, "snapshot_programs")] });
    expect(verdict).toMatchObject({ status: "False", reason: "Refused" });
    expect(verdict.message).toContain("snapshot_programs");
  });
});

describe("the condition `Programmed`", () => {
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "a", generation: 3 },
    status: {
      conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime: "t" }],
    },
  };

  it("stands beside the others, with the generation that it speaks of, and can be taken away again", () => {
    const turnedAt = "2026-01-01T00:00:00Z";
    const told = { ...programmedAt(7, { isAwake: true, behind: [] }), turnedAt };
    const shown = withProgrammed(object, told, turnedAt);
    expect(JSON.stringify(shown)).not.toContain("turnedAt");
    expect(shown.status).toMatchObject({
      conditions: [
        { type: "Accepted" },
        { type: "Programmed", status: "True", observedGeneration: 3, lastTransitionTime: turnedAt },
      ],
    });
    expect(withoutProgrammed(shown)).toEqual(object);
  });

  it("is control's to say of routes and policies, not of what listeners tell of, or of Kubernetes' own kinds", () => {
    const says = (group: string, kind: string) => {
      const info = kindOf({ group, kind });
      return info !== undefined && saysProgrammed(info);
    };
    expect(says("networking.istio.io", "VirtualService")).toBe(true);
    expect(says("security.istio.io", "AuthorizationPolicy")).toBe(true);
    expect(says("networking.istio.io", "Gateway")).toBe(false);
    expect(says("", "Service")).toBe(false);
  });
});
