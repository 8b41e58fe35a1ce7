import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type KubernetesObject, KubeConfig, ListWatch, Watch } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningMesh } from "../support/mesh.ts";
import { times } from "../support/scale.ts";
import { until } from "../support/until.ts";

const RULES = "/k8s/apis/networking.istio.io/v1/namespaces/default/destinationrules";
const OBJECTS = 20;
const CHANGES = times(200, 1_000);
const PORTS = ["--only", "control", "--empty", "--port-base", "29000", "--loopback", "127.0.32.0/24"];

interface Rule extends KubernetesObject {
  readonly spec: { readonly host: string };
}

describe("an informer of @kubernetes/client-node", () => {
  const state = mkdtempSync(join(tmpdir(), "tulle-informer-"));
  let mesh: RunningMesh;
  beforeAll(async () => {
    mesh = await RunningMesh.start(PORTS, state);
  });
  afterAll(async () => {
    await mesh.stop();
    rmSync(state, { recursive: true, force: true });
  });

  /** Writes until it is stored: control may be away for a moment. What is stored twice is one change. */
  async function put(name: string, host: string): Promise<void> {
    const body = JSON.stringify([
      { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: { name }, spec: { host } },
    ]);
    const headers = { "content-type": "application/json" };
    await until(`${name} to be ${host}`, async () => {
      const answer = await mesh.control("/api/v1/apply", { method: "POST", headers, body });
      return answer.status === 200;
    });
  }

  it("sees each change in order, without a gap, over a restart of control", async () => {
    const config = new KubeConfig();
    config.loadFromFile(mesh.info.kubeconfigFile);
    const seen = new Map<string, string[]>();
    let lists = 0;
    let errors = 0;
    let deleted = 0;
    let stopped = false;
    const broken: unknown[] = [];
    const list = async () => {
      lists += 1;
      const { text } = await mesh.control(RULES);
      return JSON.parse(text) as { items: Rule[]; metadata: { resourceVersion: string } };
    };
    const informer = new ListWatch<Rule>(RULES.slice("/k8s".length), new Watch(config), list, false);
    const record = ({ metadata, spec }: Rule): void => {
      const name = metadata?.name ?? "";
      seen.set(name, [...(seen.get(name) ?? []), spec.host]);
    };
    informer.on("add", record);
    informer.on("update", record);
    informer.on("delete", () => (deleted += 1));
    informer.on("error", () => {
      errors += 1;
      // As a client that waits for its server: it begins again once control answers.
      until("control to answer", async () => stopped || (await mesh.control("/healthz")).status === 200)
        .then(async () => stopped || informer.start())
        .catch((error: unknown) => broken.push(error));
    });
    await informer.start();

    const wanted = new Map<string, string[]>();
    for (let at = 0; at < CHANGES; at += 1) {
      const [name, host] = [`rule-${at % OBJECTS}`, `h${at}`];
      wanted.set(name, [...(wanted.get(name) ?? []), host]);
      await put(name, host);
      if (at === CHANGES / 2) {
        expect(errors).toBe(0);
        await mesh.stop();
        mesh = await RunningMesh.start(PORTS, state);
      }
    }
    const last = `rule-${OBJECTS - 1}`;
    await until("the last change", () => seen.get(last)?.length === wanted.get(last)?.length);
    await mesh.control(`${RULES}/${last}`, { method: "DELETE" });
    await until("the deletion", () => deleted === 1);
    stopped = true;
    await informer.stop();
    expect(broken).toEqual([]);
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(wanted));
    // What is worked out at each read is left out where that takes long.
    await until("rule-0 to be read as it was told", async () => {
      const { text } = await mesh.control(`${RULES}/rule-0`);
      return isDeepStrictEqual(informer.get("rule-0", "default"), JSON.parse(text));
    });
    // It went on where it was: it never had to list again.
    expect(lists).toBe(1);
  });

  it("costs nothing any more once it is gone: the Hub forgets a watch whose client left", async () => {
    const watches = async () => Number(JSON.parse((await mesh.control("/api/v1/status")).text)["watches"]);
    const headers = { authorization: `Bearer ${mesh.token}` };
    let change = 0;
    const forgotten = async (what: string) =>
      until(what, async () => {
        await put("rule-0", `gone-${(change += 1)}`);
        return (await watches()) === 0;
      });
    await forgotten("those of before to be forgotten");
    const aborts = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const abort = new AbortController();
        await fetch(`${mesh.info.controlHttp}${RULES}?watch=true&resourceVersion=0`, { headers, signal: abort.signal });
        return abort;
      }),
    );
    await until("all to be watched", async () => (await watches()) === 5);
    for (const abort of aborts) abort.abort();
    await forgotten("all to be forgotten");
  });

  it("has its share of the watches, and is told to wait past it", async () => {
    const headers = { authorization: `Bearer ${mesh.token}` };
    const abort = new AbortController();
    const open = async () =>
      fetch(`${mesh.info.controlHttp}${RULES}?watch=true&resourceVersion=0`, { headers, signal: abort.signal });
    const answers = await Promise.all(Array.from({ length: 201 }, open));
    const late = answers.filter(({ status }) => status === 429);
    expect(late.length).toBeGreaterThan(0);
    expect(late[0]?.headers.get("retry-after")).toBe("1");
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(200);
    const head = await fetch(`${mesh.info.controlHttp}${RULES}?watch=true`, { method: "HEAD", headers });
    expect(head.status).toBe(200);
    abort.abort();
  });
});
