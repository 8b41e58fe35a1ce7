import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Verb } from "../../src/kube/access.ts";
import { hasStatus } from "../../src/kube/discovery.ts";
import { type KindInfo, KINDS } from "../../src/resources/kinds.ts";
import { ACCOUNTS, type Place, placeOf, PLACES, READS, tableSays } from "../kube/access-table.ts";
import { collectionOf, sampleOf } from "./kind-samples.ts";
import { RunningControl } from "./running.ts";

const NAMESPACES = PLACES.filter((place) => place !== "");
/** Names of objects that stand in every namespace, and of those that nobody makes. */
const [HELD, FRESH] = ["held", "fresh"];

let control: RunningControl;
const tokens = new Map<string, string>();

beforeAll(async () => {
  control = await RunningControl.start();
  const objects = [
    ...NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    sampleOf(kindNamed("MeshConfig"), "istio-system", "default"),
    ...KINDS.filter(({ namespaced, readOnly, kind }) => namespaced && !readOnly && kind !== "MeshConfig").flatMap((info) =>
      NAMESPACES.map((namespace) => sampleOf(info, namespace, HELD)),
    ),
  ];
  const answer = await control.call("POST", "/api/v1/apply", objects);
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
  for (const { name, role, namespace } of ACCOUNTS) {
    const made = await control.call("POST", "/api/v1/tokens", { name, role, ...(namespace !== null && { namespace }) });
    tokens.set(name, String(made.json["token"]));
  }
}, 60_000);
afterAll(() => control.stop());

function kindNamed(kind: string): KindInfo {
  const info = KINDS.find((each) => each.kind === kind);
  if (!info) throw new Error(`no kind ${kind}`);
  return info;
}

function tokenOf(name: string): string {
  const token = tokens.get(name);
  if (token === undefined) throw new Error(`no token ${name}`);
  return token;
}

/** Everything that a write could have left behind. */
async function stored(): Promise<string> {
  const tables = ["meta", "objects", "changes", "generations", "revisions", "audit", "tokens", "deployments"];
  const rows = await Promise.all(tables.map((table) => control.sql(`SELECT * FROM ${table}`)));
  return JSON.stringify(rows);
}

/** Not one after the other, nor all at once. */
async function each<T>(tasks: readonly T[], run: (task: T) => Promise<void>): Promise<void> {
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await run(task);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

/** One way of doing something with an object, or with all of a kind. */
interface Attempt {
  readonly verb: Verb;
  readonly status: boolean;
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: unknown;
}

const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

/** Every way there is; on what stands there where something must stand there. */
function attempts(info: KindInfo, at: Place): readonly Attempt[] {
  const isNamespace = info.kind === "Namespace";
  const collection = collectionOf(info, isNamespace ? "" : at);
  const way = (verb: Verb, method: string, path: string, more: Partial<Attempt> = {}): Attempt => ({
    verb,
    status: false,
    method,
    path,
    ...more,
  });
  const name = isNamespace ? at : info.kind === "MeshConfig" ? "default" : HELD;
  const held = { ...sampleOf(info, at, name), status: { note: "x" } };
  const fresh = sampleOf(info, at, isNamespace ? `${FRESH}-of-${at}` : FRESH);
  const ofAll = [
    way("list", "GET", collection),
    way("watch", "GET", `${collection}?watch=true&timeoutSeconds=0`),
    way("deletecollection", "DELETE", collection),
  ];
  if (at === "") return ofAll;
  const one = `${collection}/${name}`;
  const labels = { touched: "yes" };
  const operations = [{ op: "add", path: "/metadata/labels", value: labels }];
  const written = [
    way("create", "POST", collection, { body: fresh }),
    way("create", "POST", collection, { type: "application/yaml", body: JSON.stringify(fresh) }),
    way("update", "PUT", one, { body: held }),
    way("patch", "PATCH", one, { type: MERGE, body: { metadata: { labels } } }),
    way("patch", "PATCH", one, { type: JSON_PATCH, body: operations }),
    way("patch", "PATCH", one, { type: STRATEGIC, body: { metadata: { labels } } }),
    way("patch", "PATCH", `${one}?fieldManager=m&force=true`, { type: APPLY, body: sampleOf(info, at, name) }),
    way("patch", "PATCH", `${collection}/${FRESH}?fieldManager=m`, { type: APPLY, body: sampleOf(info, at, FRESH) }),
    way("delete", "DELETE", one),
  ];
  const inStatus = { status: true };
  const ofStatus = [
    way("get", "GET", `${one}/status`, inStatus),
    way("update", "PUT", `${one}/status`, { ...inStatus, body: held }),
    way("patch", "PATCH", `${one}/status`, { ...inStatus, type: MERGE, body: { status: { note: "y" } } }),
    way("patch", "PATCH", `${one}/status`, {
      ...inStatus,
      type: JSON_PATCH,
      body: [{ op: "add", path: "/status", value: { note: "y" } }],
    }),
    way("patch", "PATCH", `${one}/status?fieldManager=m&force=true`, { ...inStatus, type: APPLY, body: held }),
  ];
  return [way("get", "GET", one), ...ofAll, ...written, ...(hasStatus(info) ? ofStatus : [])];
}

/** Tokens of all namespaces in each place but the second of its sort; tokens of one at home, abroad and in the mesh's own. */
const TRIED: readonly (readonly [name: string, places: readonly Place[]])[] = [
  ...["viewer", "editor", "admin"].map((name) => [name, ["", "shop", "istio-system", "mesh-root"]] as const),
  ...["viewer", "editor", "admin"].map((role) => [`${role}-of-shop`, ["", "shop", "other", "istio-system"]] as const),
  ["editor-of-mesh-root", ["", "shop", "mesh-root"]],
  ["admin-of-istio-system", ["", "shop", "istio-system"]],
];

/** What the server keeps from whoever may do everything: Events are its own, and it needs its Namespaces. */
function isKept({ kind, readOnly }: KindInfo, verb: Verb, at: Place): boolean {
  const isRead = READS.some((read) => read === verb);
  if (readOnly) return !isRead;
  return kind === "Namespace" && (verb === "deletecollection" || (verb === "delete" && at === "istio-system"));
}

describe.each(TRIED.map(([name, places]) => ({ name, places })))("over HTTP $name", ({ name, places }) => {
  const account = ACCOUNTS.find((each) => each.name === name)!;
  const may = (info: KindInfo, verb: Verb, at: Place) => tableSays(account, verb, placeOf(info.kind, verb, at));

  it("gets 403 exactly where the table refuses, and leaves nothing there", async () => {
    const before = await stored();
    const tasks = KINDS.flatMap((info) =>
      places.flatMap((at) => attempts(info, at).map((attempt) => ({ info, at, ...attempt }))),
    );
    await each(tasks, async ({ info, at, verb, method, path, body, type }) => {
      const isAllowed = may(info, verb, at);
      const isRead = READS.some((read) => read === verb);
      // What is allowed is done as if, so that everybody meets the same objects; what is refused must be so in earnest.
      const target = isAllowed && !isRead ? `${path}${path.includes("?") ? "&" : "?"}dryRun=All` : path;
      const token = tokenOf(name);
      const answer = await control.call(method, target, body, { token, ...(type !== undefined && { type }) });
      const what = `${name}: ${method} ${target} ${type ?? ""} -> ${answer.status} ${answer.json["message"]}`;
      if (isKept(info, verb, at)) expect([403, 405], what).toContain(answer.status);
      else if (!isAllowed) expect(answer.status, what).toBe(403);
      else expect([200, 201, ...refusedFor(info, at, type)], what).toContain(answer.status);
      if (answer.status === 403) expect(answer.json, what).toMatchObject({ kind: "Status", reason: "Forbidden" });
    });
    expect(await stored()).toBe(before);
  });

  it("is told by a review what then happens", async () => {
    const tasks = KINDS.flatMap((info) =>
      places.flatMap((at) => {
        const asked = attempts(info, at).map(({ verb, status }) => `${verb} ${status ? "status" : ""}`);
        return [...new Set(asked)].map((wish) => ({ info, at, wish }));
      }),
    );
    await each(tasks, async ({ info, at, wish }) => {
      const [verb = "", subresource = ""] = wish.split(" ");
      const where = info.kind === "Namespace" ? { name: at } : { namespace: at };
      const spec = { resourceAttributes: { verb, group: info.group, resource: info.plural, subresource, ...where } };
      const answer = await control.call("POST", REVIEWS, { ...REVIEW, spec }, { token: tokenOf(name) });
      const want = may(info, verb as Verb, at) && !(info.readOnly && isKept(info, verb as Verb, at));
      expect([wish, info.kind, at, answer.json["status"]?.["allowed"]]).toEqual([wish, info.kind, at, want]);
    });
  });
});

const REVIEWS = "/k8s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const REVIEW = { kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1" };

/** Why what is allowed may fail all the same: a kind's own rules. */
function refusedFor({ kind, core, readOnly }: KindInfo, at: Place, type: string | undefined): readonly number[] {
  if (readOnly) return [404];
  // One namespace at a time.
  if (at === "") return [405];
  if (type === STRATEGIC && !core) return [415];
  // There is one MeshConfig, and no other can be made.
  if (kind === "MeshConfig") return [404, 422];
  return [];
}
