import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isUnreadable } from "../../src/kube/unreadable.ts";
import { type KubeObject, refOf } from "../../src/resources/object.ts";
import { sealing } from "../../workers/control/db/sealed.ts";

const { toRow, fromRow } = sealing("s".repeat(43));
const APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

const secret: KubeObject = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "a",
    namespace: "shop",
    uid: "u",
    resourceVersion: "7",
    creationTimestamp: "2026-07-01T12:00:00Z",
    labels: { owner: "x" },
    annotations: { [APPLIED]: '{"data":{"word":"aHVudGVyMg=="}}' },
  },
  type: "example.com/word",
  data: { word: "aHVudGVyMg==" },
  unheard: "hunter2",
};
const ref = refOf(secret);

let logged: unknown[][] = [];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "error").mockImplementation((...told: unknown[]) => void logged.push(told));
});
afterEach(() => vi.restoreAllMocks());

describe("a row", () => {
  it("of a Secret tells its name and labels, and opens to all of it", async () => {
    const row = await toRow(secret, ref);
    expect(Object.keys(JSON.parse(row) as object).toSorted()).toEqual(["apiVersion", "kind", "metadata", "sealed"]);
    for (const part of ["hunter2", "aHVudGVyMg", "word", APPLIED]) expect(row).not.toContain(part);
    for (const part of ["shop", "owner"]) expect(row).toContain(part);
    expect(await fromRow(row, ref)).toEqual(secret);
  });

  it("never looks the same twice", async () => {
    expect(await toRow(secret, ref)).not.toBe(await toRow(secret, ref));
  });

  it("of an empty Secret without annotations opens as well", async () => {
    const empty = { apiVersion: "v1", kind: "Secret", metadata: { name: "a", namespace: "shop" } };
    expect(await fromRow(await toRow(empty, ref), ref)).toEqual(empty);
  });

  it("of another kind is the object as it is", async () => {
    for (const other of [
      { ...secret, kind: "ConfigMap" },
      { ...secret, apiVersion: "example.com/v1" },
    ]) {
      expect(JSON.parse(await toRow(other, refOf(other)))).toEqual(other);
      expect(await fromRow(JSON.stringify(other), refOf(other))).toEqual(other);
    }
  });

  it("is never made under a secret that is unset or too short", async () => {
    await expect(sealing("short").toRow(secret, ref)).rejects.toThrow("wrapping secret");
  });
});

describe("a row that cannot be opened", () => {
  const row = async () => JSON.parse(await toRow(secret, ref)) as KubeObject & { readonly sealed: string };

  it.each([
    {
      name: "of another object of the same name",
      open: async () => fromRow(await toRow(secret, ref), { ...ref, namespace: "other" }),
    },
    { name: "of another name", open: async () => fromRow(await toRow(secret, ref), { ...ref, name: "b" }) },
    {
      name: "under another secret",
      open: async () => sealing("t".repeat(43)).fromRow(await toRow(secret, ref), ref),
    },
    { name: "under no secret", open: async () => sealing("").fromRow(await toRow(secret, ref), ref) },
    {
      name: "that was changed",
      open: async () => {
        const { sealed, ...rest } = await row();
        const other = sealed.endsWith("A") ? "E" : "A";
        return fromRow(JSON.stringify({ ...rest, sealed: sealed.slice(0, -1) + other }), ref);
      },
    },
    {
      name: "that was cut off",
      open: async () => fromRow(JSON.stringify({ ...(await row()), sealed: "v1.AAAA" }), ref),
    },
    { name: "that somebody wrote in the clear", open: async () => fromRow(JSON.stringify(secret), ref) },
  ])("$name stands for its object without its content, says so, and is logged by its name", async ({ open }) => {
    const object = await open();
    expect(isUnreadable(object)).toBe(true);
    expect(Object.keys(object).toSorted()).toEqual(["apiVersion", "kind", "metadata", "status"]);
    expect(object.status).toMatchObject({
      conditions: [{ type: "Readable", status: "False", reason: "CannotBeOpened" }],
    });
    expect(logged).toHaveLength(1);
    for (const told of [JSON.stringify(object), JSON.stringify(logged)])
      for (const part of ["hunter2", "aHVudGVyMg"]) expect(told).not.toContain(part);
  });

  it("is named as its place says, whatever it says itself", async () => {
    const { metadata } = await fromRow(await toRow(secret, ref), { ...ref, namespace: "other", name: "b" });
    expect(metadata).toMatchObject({ namespace: "other", name: "b", labels: { owner: "x" } });
  });
});
