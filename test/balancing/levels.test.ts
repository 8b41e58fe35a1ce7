import { describe, expect, it } from "vitest";
import { levelsFor } from "../../src/balancing/levels.ts";
import type { Endpoint, LocalitySettings } from "../../src/snapshot/model.ts";
import { endpoint } from "../decide/requests.ts";

/** Endpoints that are named as their localities, `-` for `/`. */
const at = (...localities: readonly string[]): readonly Endpoint[] =>
  localities.map((locality) => ({ ...endpoint(locality.replaceAll("/", "-")), ...(locality !== "" && { locality }) }));

const labelled = (id: string, labels: Readonly<Record<string, string>>): Endpoint => ({ ...endpoint(id), labels });

type Failover = NonNullable<LocalitySettings["failover"]>;
const failover = (change: Partial<Failover> = {}): LocalitySettings => ({
  failover: { labels: [], byLocality: true, regions: [], ...change },
});

/** Names of the endpoints, level by level. */
const names = (endpoints: readonly Endpoint[], settings: LocalitySettings, locality: string | null) =>
  levelsFor(endpoints, settings, locality).map((shares) =>
    shares.flatMap((share) => share.endpoints.map(({ id }) => id)),
  );

const ALL = at("eu/nl/ams1", "eu/nl/ams2", "eu/de/fra", "us/va/iad", "us/ca/sjc", "asia/jp/nrt", "");

describe("failover", () => {
  it.each([
    {
      name: "goes from the subzone to the zone, the region and the rest",
      caller: "eu/nl/ams1",
      levels: [["eu-nl-ams1"], ["eu-nl-ams2"], ["eu-de-fra"], ["us-va-iad", "us-ca-sjc", "asia-jp-nrt", ""]],
    },
    {
      name: "leaves out levels that nobody is on",
      caller: "asia/jp/osa",
      levels: [["asia-jp-nrt"], ["eu-nl-ams1", "eu-nl-ams2", "eu-de-fra", "us-va-iad", "us-ca-sjc", ""]],
    },
    {
      name: "compares no more than the caller's locality tells",
      caller: "eu",
      levels: [
        ["eu-nl-ams1", "eu-nl-ams2", "eu-de-fra"],
        ["us-va-iad", "us-ca-sjc", "asia-jp-nrt", ""],
      ],
    },
    {
      name: "makes no difference where the caller's locality is not known",
      caller: null,
      levels: [ALL.map(({ id }) => id)],
    },
  ])("$name", ({ caller, levels }) => {
    expect(names(ALL, failover(), caller)).toEqual(levels);
  });

  it("goes to the region that is set before any other", () => {
    expect(names(ALL, failover({ regions: [["eu", "asia"]] }), "eu/de/fra")).toEqual([
      ["eu-de-fra"],
      ["eu-nl-ams1", "eu-nl-ams2"],
      ["asia-jp-nrt"],
      ["us-va-iad", "us-ca-sjc", ""],
    ]);
    // It is set for callers of another region.
    expect(names(ALL, failover({ regions: [["us", "asia"]] }), "eu/de/fra").at(-1)).toContain("us-va-iad");
  });
});

describe("failoverPriority", () => {
  const endpoints = [
    labelled("none", {}),
    labelled("both", { cell: "a", rack: "1" }),
    labelled("cell", { cell: "a", rack: "2" }),
    labelled("rack", { cell: "b", rack: "1" }),
  ];

  it("puts those first that are like the caller in more labels, from the first on", () => {
    const labels = [
      { name: "cell", value: "a" },
      { name: "rack", value: "1" },
    ];
    expect(names(endpoints, failover({ labels, byLocality: false }), null)).toEqual([
      ["both"],
      ["cell"],
      ["none", "rack"],
    ]);
  });

  it("takes a label that neither has for equal", () => {
    expect(names(endpoints, failover({ labels: [{ name: "cell", value: "" }], byLocality: false }), null)).toEqual([
      ["none"],
      ["both", "cell", "rack"],
    ]);
  });

  it("compares the parts of localities by the labels of nodes", () => {
    const labels = [
      { name: "topology.kubernetes.io/region" },
      { name: "topology.kubernetes.io/zone" },
      { name: "topology.istio.io/subzone" },
    ];
    expect(names(ALL, failover({ labels, byLocality: false }), "eu/nl/ams2")).toEqual([
      ["eu-nl-ams2"],
      ["eu-nl-ams1"],
      ["eu-de-fra"],
      ["us-va-iad", "us-ca-sjc", "asia-jp-nrt", ""],
    ]);
  });

  it("comes before localities, where both are set", () => {
    const both = [
      { ...labelled("far", { cell: "a" }), locality: "us" },
      { ...labelled("near", { cell: "a" }), locality: "eu" },
      { ...labelled("other", { cell: "b" }), locality: "eu" },
    ];
    const settings = failover({ labels: [{ name: "cell", value: "a" }], regions: [["eu", "us"]] });
    expect(names(both, settings, "eu")).toEqual([["near"], ["far"], ["other"]]);
  });
});

describe("distribute", () => {
  const distribute = [
    {
      from: "eu/nl/*",
      to: [
        ["eu/nl/ams1", 70],
        ["eu/*", 20],
        ["us", 10],
      ],
    },
    { from: "*", to: [["asia", 100]] },
  ] as const;

  const shares = (caller: string | null, endpoints = ALL) =>
    levelsFor(endpoints, { distribute }, caller).map((level) =>
      level.map(({ endpoints: own, weight }) => [weight, own.map(({ id }) => id)]),
    );

  it.each([
    {
      name: "sends each locality its share, and others nothing",
      caller: "eu/nl/ams2",
      level: [
        [70, ["eu-nl-ams1"]],
        [20, ["eu-nl-ams2", "eu-de-fra"]],
        [10, ["us-va-iad", "us-ca-sjc"]],
      ],
    },
    { name: "goes by the first that holds the caller", caller: "us/va/iad", level: [[100, ["asia-jp-nrt"]]] },
    { name: "holds callers of no known locality by `*`", caller: null, level: [[100, ["asia-jp-nrt"]]] },
  ])("$name", ({ caller, level }) => {
    expect(shares(caller)).toEqual([level]);
  });

  it("leaves out localities without endpoints, and knows nobody where all are", () => {
    expect(shares("eu/nl/ams1", at("us/va/iad"))).toEqual([[[10, ["us-va-iad"]]]]);
    expect(shares("eu/nl/ams1", at("asia"))).toEqual([]);
  });

  it("is for callers that it names alone", () => {
    const settings = { distribute: [distribute[0]] };
    expect(names(ALL, settings, "us/va/iad")).toEqual([ALL.map(({ id }) => id)]);
  });
});
