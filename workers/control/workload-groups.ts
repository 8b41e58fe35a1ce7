import { Hono } from "hono";
import { RegisteredWorkload, REGISTERED_WORKLOAD_FORM, WorkloadAddress } from "../../src/api/bodies.ts";
import { rfc3339 } from "../../src/kube/events.ts";
import type { Verb } from "../../src/kube/access.ts";
import type { Operation } from "../../src/kube/object-rules.ts";
import { notFound } from "../../src/kube/object-status.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { addressKey } from "../../src/resources/address.ts";
import { findingText } from "../../src/resources/finding.ts";
import type { KubeObject, ObjectRef } from "../../src/resources/object.ts";
import type { WorkloadEntrySpec } from "../../src/resources/workload-entry.ts";
import { entryNameOf, entryOf, GROUP_ANNOTATION, registeredUntil } from "../../src/resources/workload-group.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { actorOf, answer, type Api, refusal } from "./access.ts";
import { objectStore } from "./db/store.ts";
import { readJson } from "./json-body.ts";
import type { Ask } from "./kube/request.ts";

const NETWORKING = "networking.istio.io";

/** Workloads of a WorkloadGroup make their WorkloadEntries themselves, with a token that may write them. */
export function workloadGroupRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/workload-groups/:namespace/:name/register", async (c) => {
    const group = await groupAt(c, "create");
    if (!group.ok) return answer(c, group.error);
    const wanted = await readJson(c.req.raw, RegisteredWorkload, REGISTERED_WORKLOAD_FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    const { ttlSeconds, ...workload } = wanted.value;
    const entry = entryOf(group.value, workload);
    const before = await ownEntry(c, group.value, workload.address);
    if (!before.ok) return answer(c, before.error);
    const expiresAt = ttlSeconds === undefined ? null : leaseOf(before.value, ttlSeconds * 1_000, Date.now());
    const ref = refOfEntry(group.value, entry.metadata.name);
    const author = { manager: "tulle-registration", apiVersion: entry.apiVersion, subresource: "" as const };
    const operations: Operation[] = [{ verb: "apply", ref, value: entry, author }];
    const status = { registration: expiresAt === null ? null : { expiresAt } };
    if (expiresAt !== (before.value && registeredUntil(before.value)))
      operations.push({
        verb: "patch",
        ref,
        patch: { type: "merge", body: { status } },
        author: { ...author, subresource: "status" },
      });
    const written = await c.env.HUB.getByName("hub").write(operations, {
      ...actorOf(c),
      verb: "register-workload",
      dryRun: false,
    });
    if (!written.ok) return answer(c, written.failures[0]?.status ?? failure("InternalError", "it was not stored"));
    const [result] = written.results;
    const warnings = (result?.warnings ?? []).filter(
      ({ severity, field }) => severity === "warning" && field !== "metadata.ownerReferences",
    );
    return c.json(
      {
        namespace: ref.namespace,
        name: ref.name,
        action: result?.action,
        expiresAt,
        warnings: warnings.map((found) => findingText(found)),
      },
      result?.action === "created" ? 201 : 200,
    );
  });
  app.post("/workload-groups/:namespace/:name/deregister", async (c) => {
    const group = await groupAt(c, "delete");
    if (!group.ok) return answer(c, group.error);
    const wanted = await readJson(c.req.raw, WorkloadAddress, '{"address": "10.0.0.7"}');
    if (!wanted.ok) return answer(c, wanted.error);
    const ref = refOfEntry(group.value, entryNameOf(group.value.metadata.name, wanted.value.address));
    const entry = await ownEntry(c, group.value, wanted.value.address);
    if (!entry.ok) return answer(c, entry.error);
    if (entry.value === null) return answer(c, notFound(ref));
    const written = await c.env.HUB.getByName("hub").write([{ verb: "delete", ref }], {
      ...actorOf(c),
      verb: "deregister-workload",
      dryRun: false,
    });
    const [failed] = written.ok ? [] : written.failures;
    return failed ? answer(c, failed.status) : c.body(null, 204);
  });
  return app;
}

/** The group of the path, for whom may do this with the namespace's WorkloadEntries. */
async function groupAt(c: Ask, verb: Verb): Promise<Result<KubeObject, Status>> {
  const { namespace = "", name = "" } = c.req.param() as Readonly<Record<string, string>>;
  const refused = await refusal(c, { verb, group: NETWORKING, resource: "workloadentries", namespace });
  if (refused !== null) return err(refused);
  const ref = { group: NETWORKING, kind: "WorkloadGroup", namespace, name };
  const group = await objectStore(c.env).get(ref);
  return group === null ? err(notFound(ref)) : ok(group);
}

function refOfEntry({ metadata }: KubeObject, name: string): ObjectRef {
  return { group: NETWORKING, kind: "WorkloadEntry", namespace: metadata.namespace ?? "", name };
}

/** An entry that somebody wrote by hand, another group made or another workload has is none that a workload may take over. */
async function ownEntry(c: Ask, group: KubeObject, address: string): Promise<Result<KubeObject | null, Status>> {
  const name = entryNameOf(group.metadata.name, address);
  const entry = await objectStore(c.env).get(refOfEntry(group, name));
  if (entry === null) return ok(null);
  const isOurs =
    entry.metadata.annotations?.[GROUP_ANNOTATION] === group.metadata.name &&
    addressKey((entry.spec as WorkloadEntrySpec).address) === addressKey(address);
  return isOurs ? ok(entry) : err(failure("Conflict", `there is another WorkloadEntry \`${name}\`: delete it`));
}

/** A lease of which more than half is left stays as it is: to renew it often costs nothing. */
function leaseOf(before: KubeObject | null, ttlMs: number, now: number): string {
  const until = before && registeredUntil(before);
  const left = until === null ? 0 : Date.parse(until) - now;
  return until !== null && left > ttlMs / 2 && left <= ttlMs ? until : rfc3339(now + ttlMs);
}
