import { generateKeyPairSync } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { Configuration, type Snapshot } from "../../src/exchange/configuration.ts";
import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import { FORMAT, type Root, type Slice } from "../../src/snapshot/model.ts";
import { importSigningKey, importVerifyKeys, signRoot } from "../../src/snapshot/signature.ts";

const T0 = 1_800_000_000_000;
const MINUTE = 60_000;

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const signing = await importSigningKey(privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"));
const keys = importVerifyKeys(JSON.stringify([publicKey.export({ format: "jwk" }).x]));

/** A slice's text, which `version` makes another one of the same host. */
function textOf(host: string, version = 1): string {
  const path = { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" } as const;
  const slice: Slice = { format: FORMAT, host, ports: [version], path, routes: [], clusters: {}, policySets: [] };
  return canonicalJson(slice);
}

interface Made {
  readonly generation: number;
  /** Host to the text that the root lists, all in `mesh/*`. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Of these, what comes down with the root; all, where it isn't told. */
  readonly sent?: readonly string[];
  readonly changes?: Partial<Root>;
}

async function snapshot({ generation, hosts, sent = Object.keys(hosts), changes }: Made): Promise<Snapshot> {
  const ids: Record<string, string> = {};
  for (const [host, text] of Object.entries(hosts)) ids[host] = await sliceId(text);
  const trust = { domain: "cluster.local", aliases: [], authorities: [] };
  const root = { format: FORMAT, gateway: "a", generation, issuedAt: T0, trust, scopes: { "mesh/*": ids }, ...changes };
  return {
    root: await signRoot(root, signing),
    slices: Object.fromEntries(sent.map((host) => [ids[host] ?? "", hosts[host] ?? ""])),
  };
}

let configuration: Configuration<Slice>;

beforeEach(() => {
  configuration = new Configuration(
    "a",
    () => keys,
    (slice) => slice,
  );
});

/** As an exchange does it: asks for the hosts in use, and takes what comes. Somebody waits for each slice that does. */
async function take(down: Snapshot, now = T0): Promise<readonly string[]> {
  for (const text of Object.values(down.slices)) configuration.want("mesh/*", (JSON.parse(text) as Slice).host, now);
  return configuration.take(down, configuration.hosts(now), now);
}

function portsOf(host: string, now = T0): unknown {
  const found = configuration.find("mesh/*", host, now);
  return found?.kind === "slice" ? found.slice.ports : found;
}

describe("the configuration of an isolate", () => {
  it("finds nothing, trusts nobody and has no root before the first", () => {
    expect(configuration.find("mesh/*", "x", T0)).toBeNull();
    expect(configuration).toMatchObject({ trust: null, have: null, refused: null, held: [] });
  });

  it("finds a host whose slice is here, waits for one whose is not, and knows who is not served", async () => {
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x"), y: textOf("y") }, sent: ["x"] }));
    expect(portsOf("x")).toEqual([1]);
    expect(portsOf("y")).toBeNull();
    expect(portsOf("z")).toMatchObject({ kind: "no_host", root: { generation: 1 } });
  });

  it("takes slices that come without a root, of the hosts that the root in use lists alone", async () => {
    const both = await snapshot({ generation: 1, hosts: { x: textOf("x"), y: textOf("y") } });
    await take({ ...both, slices: {} });
    expect(configuration.have?.generation).toBe(1);
    const other = textOf("other");
    await take({ root: null, slices: { ...both.slices, [await sliceId(other)]: other } });
    expect([portsOf("x"), portsOf("y"), configuration.held.length]).toEqual([[1], [1], 2]);
  });

  it("changes to a new root whole: hosts that it no longer lists are gone with it", async () => {
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x"), y: textOf("y") } }));
    expect([portsOf("x"), portsOf("y")]).toEqual([[1], [1]]);
    await take(await snapshot({ generation: 2, hosts: { x: textOf("x", 2) } }));
    expect(portsOf("x")).toEqual([2]);
    expect(portsOf("y")).toMatchObject({ kind: "no_host", root: { generation: 2 } });
    expect(configuration.held).toHaveLength(1);
  });

  it("keeps its root where the new one comes without the slice of a host in use", async () => {
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x") } }));
    portsOf("x");
    expect(await take(await snapshot({ generation: 2, hosts: { x: textOf("x", 2) }, sent: [] }))).toEqual([
      "snapshot_incomplete",
    ]);
    expect(portsOf("x")).toEqual([1]);
    expect(configuration.refused).toEqual({ code: "snapshot_incomplete", count: 1 });
  });

  it("takes one that lacks the slice of a host that nobody was served, and goes on waiting for it", async () => {
    configuration.want("mesh/*", "y", T0);
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x"), y: textOf("y") }, sent: ["x"] }));
    await take(await snapshot({ generation: 2, hosts: { x: textOf("x"), y: textOf("y") }, sent: [] }));
    expect(configuration.have?.generation).toBe(2);
    expect(configuration.hosts(T0)[0]).toEqual({ scope: "mesh/*", host: "y" });
  });

  it("keeps its root where a slice of a host in use came altered", async () => {
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x") } }));
    portsOf("x");
    const next = await snapshot({ generation: 2, hosts: { x: textOf("x", 2) } });
    const altered = Object.fromEntries(Object.keys(next.slices).map((id) => [id, textOf("x", 3)]));
    expect(await take({ ...next, slices: altered })).toEqual(["slice_hash", "snapshot_incomplete"]);
    expect(portsOf("x")).toEqual([1]);
  });

  it.each<{ name: string; made: Made; code: string }>([
    { name: "of an older generation", made: { generation: 4, hosts: {} }, code: "snapshot_older" },
    {
      name: "of the same one, signed before",
      made: { generation: 5, hosts: {}, changes: { issuedAt: T0 - 1 } },
      code: "snapshot_older",
    },
    {
      name: "for another gateway",
      made: { generation: 6, hosts: {}, changes: { gateway: "b" } },
      code: "snapshot_gateway",
    },
    {
      name: "of a later format",
      made: { generation: 6, hosts: {}, changes: { format: FORMAT + 1 } },
      code: "snapshot_format",
    },
  ])("keeps its root where one comes $name", async ({ made, code }) => {
    await take(await snapshot({ generation: 5, hosts: { x: textOf("x") } }));
    expect(await take(await snapshot(made))).toEqual([code]);
    expect(configuration).toMatchObject({ have: { generation: 5 }, refused: { code, count: 1 } });
    expect(portsOf("x")).toEqual([1]);
  });

  it("holds the slices of hosts in use alone", async () => {
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x"), y: textOf("y") } }));
    portsOf("y", T0 + 4 * MINUTE);
    await configuration.take(
      await snapshot({ generation: 2, hosts: { x: textOf("x"), y: textOf("y") } }),
      [],
      T0 + 5 * MINUTE,
    );
    expect(configuration.held).toEqual([await sliceId(textOf("y"))]);
    expect(portsOf("x", T0 + 5 * MINUTE)).toBeNull();
  });

  it("keeps its root where a slice cannot be linked, and says which kind of fault it is", async () => {
    configuration = new Configuration(
      "a",
      () => keys,
      (slice) => {
        if (slice.ports?.[0] === 2) throw new Error("a bug");
        return slice;
      },
    );
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x") } }));
    const down = await snapshot({ generation: 2, hosts: { x: textOf("x", 2) } });
    expect(await take(down)).toEqual(["slice_unlinkable", "snapshot_incomplete"]);
    expect(portsOf("x")).toEqual([1]);
  });

  it("refuses every root where its deployer wrote keys that are none", async () => {
    configuration = new Configuration(
      "a",
      () => importVerifyKeys("[1]"),
      (slice) => slice,
    );
    expect(await take(await snapshot({ generation: 1, hosts: {} }))).toEqual(["snapshot_keys_unreadable"]);
    expect(configuration.refused).toEqual({ code: "snapshot_keys_unreadable", count: 1 });
  });

  it("names the root that did not verify, and none that only came without its slices", async () => {
    const bad = await snapshot({ generation: 2, hosts: {}, changes: { gateway: "b" } });
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x") } }));
    portsOf("x");
    await take(await snapshot({ generation: 2, hosts: { x: textOf("x", 2) }, sent: [] }));
    expect(configuration.refusedRoot).toBeNull();
    await take(bad);
    expect(configuration.refusedRoot).toBe(bad.root?.signature);
    await take(await snapshot({ generation: 2, hosts: {} }));
    expect(configuration.refusedRoot).toBeNull();
  });

  it("counts what it refused until it takes a root", async () => {
    const bad = await snapshot({ generation: 1, hosts: {}, changes: { gateway: "b" } });
    await take(bad);
    await take(bad);
    expect(configuration.refused).toEqual({ code: "snapshot_gateway", count: 2 });
    await take(await snapshot({ generation: 1, hosts: {} }));
    expect(configuration.refused).toBeNull();
  });

  it("finds nothing under a root past its age, and takes any newer one then", async () => {
    await take(await snapshot({ generation: 1, hosts: { x: textOf("x") }, changes: { maxAgeMs: MINUTE } }));
    expect(portsOf("x", T0 + MINUTE)).toEqual([1]);
    expect(portsOf("x", T0 + MINUTE + 1)).toBeNull();
    const next = await snapshot({ generation: 2, hosts: { x: textOf("x", 2) }, sent: [] });
    expect(await take(next, T0 + MINUTE + 1)).toEqual([]);
  });

  it("asks for a host for five minutes after it was last looked up, over any number of roots", async () => {
    configuration.want("mesh/*", "x", T0);
    for (const generation of [1, 2, 3]) {
      const down = await snapshot({ generation, hosts: { x: textOf("x", generation) } });
      await configuration.take(down, configuration.hosts(T0), T0 + generation);
    }
    expect(configuration.hosts(T0 + 5 * MINUTE - 1)).toEqual([{ scope: "mesh/*", host: "x" }]);
    expect(configuration.hosts(T0 + 5 * MINUTE)).toEqual([]);
  });

  it("remembers no host that nobody serves, and of a wildcard's names no more than 10,000", async () => {
    await take(await snapshot({ generation: 1, hosts: { "*.example.com": textOf("*.example.com") } }));
    portsOf("nobody.example");
    expect(configuration.hosts(T0).map(({ host }) => host)).toEqual(["*.example.com"]);
    for (let i = 0; i <= 10_000; i += 1) portsOf(`${i}.example.com`);
    expect(configuration.hosts(T0)).toHaveLength(10_000);
    configuration.want("mesh/*", "waited.example.com", T0);
    expect(portsOf("waited.example.com")).toEqual([1]);
  });

  it("lets requests wait for news only where the last are old, and not after a failure", () => {
    expect(configuration.isStale(T0)).toBe(true);
    configuration.heard(T0);
    expect([configuration.isStale(T0 + 2_000), configuration.isStale(T0 + 2_001)]).toEqual([false, true]);
    configuration.missed(T0 + 2_001);
    expect([configuration.isStale(T0 + 7_001), configuration.isStale(T0 + 7_002)]).toEqual([false, true]);
  });
});
