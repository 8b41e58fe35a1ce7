import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Standing } from "../../src/kube/programmed.ts";
import type { WatchWish } from "../../src/kube/watch.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { Programming } from "../../workers/control/programming.ts";
import { Watches } from "../../workers/control/watches.ts";

const WISH: WatchWish = {
  account: "a",
  browser: null,
  group: "networking.istio.io",
  kind: "VirtualService",
  apiVersion: "networking.istio.io/v1",
  namespace: null,
  labelSelector: "",
  fieldSelector: "",
  form: { as: "json", kind: "object" } as unknown as WatchWish["form"],
  includeObject: "Metadata",
  bookmarks: false,
  timeoutMs: 60_000,
  after: 1,
  initialBookmark: false,
};
const LIVE: Standing = { isAwake: true, behind: [] };
const ASLEEP: Standing = { isAwake: false, behind: [] };
const PENDING: Standing = {
  isAwake: true,
  behind: [{ serving: 6, newest: 7, isRefusing: false, isSilent: false }],
};

const object = (at: number): KubeObject => ({
  apiVersion: WISH.apiVersion,
  kind: WISH.kind,
  metadata: { name: `v${at}`, namespace: "default", generation: 1, resourceVersion: "1" },
  spec: {},
});
const OBJECTS = Array.from({ length: 1_500 }, (_, at) => object(at));

describe("watches and what is live", () => {
  const programming = () => new Programming(7);
  let standing = ASLEEP;
  let asked = 0;
  let watches = new Watches();

  beforeEach(() => {
    standing = ASLEEP;
    watches = new Watches();
    asked = 0;
  });

  afterEach(() => {
    watches.endAll();
  });

  const tellBy = (by: Programming) =>
    watches.tellBy({
      programming: by,
      standing: () => {
        asked += 1;
        return standing;
      },
    });

  const open = (known: readonly KubeObject[], wish: Partial<WatchWish> = {}) =>
    watches.open({ ...WISH, ...wish }, () => true, [], known, 1);

  /** All that was told until now. */
  async function told(stream: ReadableStream): Promise<readonly string[]> {
    watches.endAll();
    const lines = (await new Response(stream).text()).split("\n").filter((line) => line !== "");
    return lines.map((line) => (JSON.parse(line) as { object: KubeObject }).object.metadata.name);
  }

  it("ask once what isolates serve for all that they tell", async () => {
    tellBy(programming());
    standing = PENDING;
    const streams = [open(OBJECTS), open(OBJECTS)];
    expect(asked).toBe(2);
    watches.publish(
      OBJECTS.map((one) => ({ type: "ADDED", object: one, ref: refOf(one), previousLabels: null }) as never),
      [],
      2,
    );
    expect(asked).toBe(3);
    standing = LIVE;
    watches.settle();
    expect(asked).toBe(4);
    await Promise.all(streams.map(async (stream) => stream.cancel()));
  });

  it("tell nothing of all objects when the first isolate awakes, but the object that one waits for", async () => {
    tellBy(programming());
    const all = open(OBJECTS);
    const one = open(OBJECTS.slice(0, 1), { fieldSelector: "metadata.name=v0" });
    standing = LIVE;
    watches.settle();
    const [ofAll, ofOne] = await Promise.all([told(all), told(one)]);
    expect(ofAll).toEqual([]);
    expect(ofOne).toEqual(["v0"]);
  });

  it("tell of what was pending when it is live, of 1,000 objects each at most", async () => {
    tellBy(programming());
    standing = PENDING;
    const stream = open(OBJECTS);
    standing = LIVE;
    watches.settle();
    watches.settle();
    expect(await told(stream)).toHaveLength(1_000);
  });

  it("tell who opens one anew of what changed and turned a moment ago, not of all that was there before", async () => {
    const by = programming();
    for (const one of OBJECTS.slice(0, 2)) by.change(refKey(refOf(one)), 7);
    tellBy(by);
    standing = PENDING;
    by.of(refKey(refOf(object(0))), standing, Date.now());
    standing = LIVE;
    expect(await told(open(OBJECTS))).toEqual(["v0", "v1"]);
    expect(await told(open(OBJECTS.slice(5, 6), { fieldSelector: "metadata.name=v5" }))).toEqual(["v5"]);
  });
});
