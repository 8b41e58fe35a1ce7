import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FORMAT, type Root } from "../../src/snapshot/model.ts";
import type { RootAnswer } from "../../src/snapshot/rpc.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "./running.ts";
import { WatchStream } from "../support/watch.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";

function rule(name: string, host = "x", labels: Record<string, string> = {}) {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name, labels },
    spec: { host },
  };
}

describe("a watch", () => {
  let control: RunningControl;
  const open: WatchStream[] = [];
  beforeAll(async () => {
    control = await RunningControl.start();
    await control.call("POST", RULES, rule("first"));
  });
  afterAll(async () => {
    for (const stream of open) await stream.close();
    await control.stop();
  });

  async function watch(query: string, path = RULES, accept = "application/json"): Promise<WatchStream> {
    const response = await control.raw("GET", `${path}?watch=true&${query}`, { ...control.auth(), accept });
    const stream = new WatchStream(response);
    open.push(stream);
    return stream;
  }

  /** A change that it has to tell comes next: there was nothing else to tell. */
  async function nothingBut(stream: WatchStream, labels: Record<string, string> = {}): Promise<void> {
    const { json } = await control.call("POST", RULES, rule("next", "x", labels));
    expect(await stream.next()).toEqual({ type: "ADDED", object: json });
    await control.call("DELETE", `${RULES}/next`);
  }

  async function version(): Promise<string> {
    return String((await control.call("GET", RULES)).json["metadata"]?.["resourceVersion"]);
  }

  it("answers at once, also where nothing happens, uncompressed", async () => {
    const stream = await watch(`resourceVersion=${await version()}`);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get("content-type")).toBe("application/json");
    await nothingBut(stream);
  });

  it("begins with what there is, and goes on with what happens", async () => {
    const stream = await watch("");
    expect((await stream.next()).type).toBe("ADDED");
    const made = await control.call("POST", RULES, rule("second"));
    const added = await stream.next();
    expect([added.type, added.object]).toEqual(["ADDED", made.json]);
    const changed = await control.call("PUT", `${RULES}/second`, rule("second", "y"));
    expect(await stream.next()).toEqual({ type: "MODIFIED", object: changed.json });
    await control.call("DELETE", `${RULES}/second`);
    const deleted = await stream.next();
    expect(deleted.type).toBe("DELETED");
    expect(Number(deleted.object.metadata.resourceVersion)).toBeGreaterThan(
      Number(changed.json["metadata"]?.["resourceVersion"]),
    );
    expect(deleted.object).toMatchObject({ spec: { host: "y" } });
  });

  it("tells every change after a version, in order, each once", async () => {
    const from = await version();
    for (let at = 0; at < 5; at += 1) await control.call("PUT", `${RULES}/first`, rule("first", `h${at}`));
    const stream = await watch(`resourceVersion=${from}`);
    for (let at = 5; at < 8; at += 1) await control.call("PUT", `${RULES}/first`, rule("first", `h${at}`));
    const hosts: unknown[] = [];
    for (let at = 0; at < 8; at += 1) hosts.push((await stream.next()).object["spec"]);
    expect(hosts).toEqual(Array.from({ length: 8 }, (_, at) => ({ host: `h${at}` })));
  });

  it("says nothing of a write that changes nothing", async () => {
    const stream = await watch(`resourceVersion=${await version()}`);
    const { json } = await control.call("GET", `${RULES}/first`);
    await control.call("PUT", `${RULES}/first`, json);
    await control.call("PUT", `${RULES}/first?dryRun=All`, rule("first", "dry"));
    await nothingBut(stream);
  });

  it("lets objects come and go as they begin and cease to match a label", async () => {
    const stream = await watch(`resourceVersion=${await version()}&labelSelector=team%3Da`);
    await control.call("POST", RULES, rule("moving", "x", { team: "b" }));
    await control.call("PUT", `${RULES}/moving`, rule("moving", "x", { team: "a" }));
    await control.call("PUT", `${RULES}/moving`, rule("moving", "y", { team: "a" }));
    await control.call("PUT", `${RULES}/moving`, rule("moving", "y", { team: "b" }));
    await control.call("DELETE", `${RULES}/moving`);
    await control.call("POST", RULES, rule("last", "x", { team: "a" }));
    const types = [];
    for (let at = 0; at < 4; at += 1) types.push((await stream.next()).type);
    expect(types).toEqual(["ADDED", "MODIFIED", "DELETED", "ADDED"]);
    await control.call("DELETE", `${RULES}/last`);
  });

  it("replays the same coming and going from the change log", async () => {
    const from = await version();
    await control.call("POST", RULES, rule("replayed", "x", { team: "b" }));
    await control.call("PUT", `${RULES}/replayed`, rule("replayed", "x", { team: "a" }));
    await control.call("PUT", `${RULES}/replayed`, rule("replayed", "x", { team: "b" }));
    await control.call("DELETE", `${RULES}/replayed`);
    const stream = await watch(`resourceVersion=${from}&labelSelector=team%3Da`);
    expect([(await stream.next()).type, (await stream.next()).type]).toEqual(["ADDED", "DELETED"]);
    await nothingBut(stream, { team: "a" });
  });

  it("looks at one object by its name, and at one namespace", async () => {
    await control.call("POST", "/k8s/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop" },
    });
    const one = await watch(`fieldSelector=metadata.name%3Dlast`);
    const shop = await watch("", RULES.replace("default", "shop"));
    const all = await watch(`resourceVersion=${await version()}`, RULES.replace("/namespaces/default", ""));
    await control.call("POST", RULES.replace("default", "shop"), rule("last"));
    await control.call("POST", RULES, rule("last"));
    expect((await one.next()).object.metadata.namespace).toBe("default");
    expect((await shop.next()).object.metadata.namespace).toBe("shop");
    expect([(await all.next()).object.metadata.namespace, (await all.next()).object.metadata.namespace]).toEqual([
      "shop",
      "default",
    ]);
    await control.call("DELETE", `${RULES}/last`);
  });

  it("answers in the version, and the placeholder group, that was asked for", async () => {
    const old = await watch("", RULES.replace("/v1/", "/v1alpha3/"));
    expect((await old.next()).object.apiVersion).toBe("networking.istio.io/v1alpha3");
    const alias = await watch("", RULES.replace("networking.istio.io", "networking.example.com"));
    expect((await alias.next()).object.apiVersion).toBe("networking.example.com/v1");
  });

  it("sends rows of a Table, whose columns stand in the first event alone", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const stream = await watch("", RULES, accept);
    const first = (await stream.next()).object as unknown as { columnDefinitions: unknown[]; rows: unknown[] };
    expect(first.columnDefinitions.length).toBeGreaterThan(2);
    expect(first.rows).toHaveLength(1);
    await control.call("PUT", `${RULES}/first`, rule("first", "table"));
    const second = (await stream.next()).object as unknown as { kind: string; columnDefinitions: null };
    expect([second.kind, second.columnDefinitions]).toEqual(["Table", null]);
  });

  it("sends metadata alone to whom that is enough", async () => {
    const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    const stream = await watch("", RULES, accept);
    expect(Object.keys((await stream.next()).object)).toEqual(["kind", "apiVersion", "metadata"]);
  });

  it("ends cleanly at its time, after a bookmark where they are wanted", async () => {
    const stream = await watch("resourceVersion=0&timeoutSeconds=1&allowWatchBookmarks=true");
    const events = await stream.rest();
    const last = events.at(-1);
    expect(last).toEqual({
      type: "BOOKMARK",
      object: {
        kind: "DestinationRule",
        apiVersion: "networking.istio.io/v1",
        metadata: { resourceVersion: await version() },
      },
    });
    const plain = await watch("resourceVersion=0&timeoutSeconds=1");
    expect((await plain.rest()).map(({ type }) => type)).not.toContain("BOOKMARK");
  });

  it("marks the end of what there was with a bookmark where initial events were asked for", async () => {
    const stream = await watch(
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=",
    );
    expect((await stream.next()).type).toBe("ADDED");
    const bookmark = await stream.next();
    expect(bookmark).toMatchObject({
      type: "BOOKMARK",
      object: { metadata: { annotations: { "k8s.io/initial-events-end": "true" } } },
    });
    await control.call("PUT", `${RULES}/first`, rule("first", "after"));
    expect((await stream.next()).type).toBe("MODIFIED");
  });

  it("answers 410 to a version that is not kept, or not there yet", async () => {
    const ahead = await watch("resourceVersion=999999999");
    expect([ahead.response.status, (await ahead.body())["reason"]]).toEqual([410, "Expired"]);
  });

  it("shows Events: the turns of an object's conditions, selected as kubectl describe does", async () => {
    const events = "/k8s/api/v1/namespaces/default/events";
    const stream = await watch(`resourceVersion=${await version()}`, events);
    const made = await control.call("POST", RULES, rule("eventful"));
    const { uid, resourceVersion } = made.json["metadata"] as unknown as Record<string, string>;
    const event = await stream.next();
    expect(event).toMatchObject({
      type: "ADDED",
      object: {
        kind: "Event",
        metadata: { resourceVersion, namespace: "default" },
        involvedObject: { kind: "DestinationRule", name: "eventful", uid },
        reason: "Accepted",
        type: "Normal",
      },
    });
    const selector = encodeURIComponent(`involvedObject.name=eventful,involvedObject.uid=${uid}`);
    const listed = await control.call("GET", `${events}?fieldSelector=${selector}`);
    expect(listed.json["items"]).toEqual([event.object]);
    expect((await control.call("GET", `${events}/${event.object.metadata.name}`)).json).toEqual(event.object);
    expect((await control.call("GET", `${events}/none`)).status).toBe(404);
  });

  it("shows the turn of a condition once, however often its object changes in that second", async () => {
    const stream = await watch(`resourceVersion=${await version()}`, "/k8s/api/v1/namespaces/default/events");
    for (let at = 0; at < 5; at += 1) {
      await control.call("POST", RULES, rule(`turned-${at}`));
      await control.call("PUT", `${RULES}/turned-${at}`, rule(`turned-${at}`, "y"));
    }
    await control.call("POST", RULES, rule("turned-last"));
    const about: string[] = [];
    while (about.at(-1) !== "turned-last") {
      const { name } = (await stream.next()).object["involvedObject"] as { name: string };
      about.push(name);
    }
    expect(about).toEqual(["turned-0", "turned-1", "turned-2", "turned-3", "turned-4", "turned-last"]);
  });

  it("tells once that what it told of is live everywhere that is awake, as reading it says from then on", async () => {
    type Conditions = readonly { readonly type: string; readonly status: string; readonly reason: string }[];
    const programmed = (object: unknown) =>
      (object as { status: { conditions: Conditions } }).status.conditions.find(({ type }) => type === "Programmed");
    const read = async () => programmed((await control.call("GET", `${RULES}/live`)).json);
    const listed = async () => {
      const { json } = await control.call("GET", `${RULES}?fieldSelector=metadata.name%3Dlive`);
      return programmed((json["items"] as unknown as unknown[])[0])?.reason;
    };
    // A mesh of its own to tell of: the rule changes what the gateway is given.
    await control.apply(`apiVersion: v1
kind: Service
metadata: { name: live, namespace: default }
spec: { ports: [{ port: 80 }] }`);
    const registration = { bindings: [], hasPrivate: false, format: FORMAT };
    await control.rpc("ALL", "register", registration);
    const look = async (serving: number | null) => {
      const seen = { location: "AMS", serving, refused: null };
      const [answer] = (await control.rpc("STATE", "roots", [{ gateway: "all", have: null, seen }])) as RootAnswer[];
      if (answer?.kind !== "root") throw new Error(`no root but ${answer?.kind}`);
      return (JSON.parse(answer.root.payload) as Root).generation;
    };
    const before = await look(null);
    const spec = { host: "live", trafficPolicy: { connectionPool: { http: { http1MaxPendingRequests: 7 } } } };
    const made = await control.call("POST", RULES, { ...rule("live"), spec });
    expect(programmed(made.json)).toMatchObject({ status: "Unknown", reason: "NoneAwake", observedGeneration: 1 });
    // What is worked out at a read is left out where that takes long.
    const first = await until("a read that says whether it is live", read);
    expect(first).toEqual(programmed(made.json));
    const stream = await watch(`fieldSelector=metadata.name%3Dlive&resourceVersion=${await version()}`);
    await until("the rule is known to be pending", async () => {
      await look(before);
      return (await read())?.reason === "Pending" && (await listed()) === "Pending";
    });
    const newest = await look(before);
    expect(newest).toBeGreaterThan(before);
    await until("the rule is known to be live", async () => {
      await look(newest);
      return (await read())?.status === "True" && (await listed()) === "Programmed";
    });
    const told = await stream.next();
    expect([told.type, told.object.metadata]).toEqual(["MODIFIED", made.json["metadata"]]);
    expect(programmed(told.object)).toMatchObject({ status: "True", reason: "Programmed", observedGeneration: 1 });
    // Nothing of it is stored, and nothing more is told.
    expect(JSON.stringify(await control.sql("SELECT json FROM objects WHERE name = 'live'"))).not.toContain(
      "Programmed",
    );
    await control.call("DELETE", `${RULES}/live`);
    expect((await stream.next()).type).toBe("DELETED");
  });
});
