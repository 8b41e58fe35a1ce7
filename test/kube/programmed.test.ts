import { describe, expect, it } from "vitest";
import { kindOf } from "../../src/kinds/registry.ts";
import { programmedAt, saysProgrammed, withoutProgrammed, withProgrammed } from "../../src/kube/programmed.ts";

const behind = (serving: number, newest: number, more: { isRefusing?: boolean; isSilent?: boolean } = {}) => ({
  serving,
  newest,
  isRefusing: false,
  isSilent: false,
  ...more,
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

  it("is not while some serve what was before, and says how many: names of gateways and locations are not every reader's", () => {
    const verdict = programmedAt(7, { isAwake: true, behind: [behind(6, 7), behind(5, 9)] });
    expect(verdict).toEqual({
      status: "False",
      reason: "Pending",
      message: "gateway isolates at 2 locations serve an older generation; `tulle status` tells which",
    });
  });

  it("is not while one refuses to take it", () => {
    const verdict = programmedAt(7, { isAwake: true, behind: [behind(6, 7), behind(5, 9, { isRefusing: true })] });
    expect(verdict).toEqual({
      status: "False",
      reason: "Refused",
      message: "gateway isolates at 1 location refuse what is newer; `tulle status` tells which",
    });
  });

  it("is unknown where one fell silent with what was before, once nobody else is behind", () => {
    const silent = behind(6, 7, { isSilent: true });
    expect(programmedAt(7, { isAwake: true, behind: [silent] })).toMatchObject({ status: "Unknown", reason: "Silent" });
    expect(programmedAt(7, { isAwake: true, behind: [silent, behind(6, 7)] }).reason).toBe("Pending");
    expect(programmedAt(7, { isAwake: false, behind: [silent] }).reason).toBe("NoneAwake");
    expect(programmedAt(6, { isAwake: true, behind: [silent] }).status).toBe("True");
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
