import { parseObject } from "../../src/kinds/parse.ts";
import { KINDS } from "../../src/kinds/registry.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { decide } from "../../src/decide/decide.ts";
import { link } from "../../src/snapshot/link.ts";
import { WAYS } from "../compile/ways.ts";
import { service, TestWorld } from "../compile/world.ts";
import { sampleOf } from "../control/kind-samples.ts";
import { facts, peer } from "../decide/requests.ts";
import { documentOf, mutated, stored } from "../policy/random-documents.ts";
import type { Dice } from "../policy/random-policies.ts";

/** Documents of one mesh. */
export const A_SET = 20;
const NAMESPACES = ["shop", "default", "istio-system"];
const REQUESTS = [
  facts(),
  facts({
    method: "POST",
    path: "/a/b",
    query: "q=1",
    peer: peer("web"),
    sourceIp: "10.1.2.3",
    clientIp: "203.0.113.1",
  }),
];

/** Documents as people write them: one of each kind, and those of routes, entries, delegates and mirrors. */
const WRITTEN: readonly object[] = [
  ...KINDS.filter(({ readOnly }) => !readOnly).flatMap((info) =>
    NAMESPACES.map((namespace) => sampleOf(info, namespace, "sample")),
  ),
  ...WAYS.flatMap(({ documents }) => documents).flatMap((yaml) => {
    const read = parseDocuments(yaml, "yaml");
    if (!read.ok) throw new Error(read.error.message);
    return read.value.map(({ value }) => value as object);
  }),
];

/** As JSON, some of it as people would not write it. */
export function randomSet(dice: Dice): readonly string[] {
  return Array.from({ length: A_SET }, (_, at) => {
    if (dice.one(0.3)) return JSON.stringify(documentOf(dice, at));
    const chance = dice.pick([0, 0.02, 0.1]);
    const { apiVersion, kind, metadata, ...fields } = dice.pick(WRITTEN) as Record<string, unknown>;
    // A document whose kind nobody knows says nothing of kinds.
    const head = dice.one(0.05) ? mutated({ metadata }, dice, 0.3) : { metadata };
    return JSON.stringify({ apiVersion, kind, ...Object(head), ...Object(mutated(fields, dice, chance)) });
  });
}

/** What became of a set that was written one after the other, as control takes it. */
export interface Taken {
  readonly accepted: number;
  readonly refused: number;
  /** Hosts that are served by what was accepted, and were asked. */
  readonly served: number;
}

/** @throws where the compiler throws, refuses without a reason, or accepts what a gateway can't read or decide by */
export function take(texts: readonly string[]): Taken {
  const world = new TestWorld();
  world.apply(service("api", { namespace: "shop" }));
  const known = new Map<string, KubeObject>();
  let [accepted, refused, served] = [0, 0, 0];
  for (const [at, text] of texts.entries()) {
    const { object, findings } = parseObject(JSON.parse(text), { local: true });
    if (object === null) {
      if (!findings.some(({ severity, message }) => severity === "error" && message !== ""))
        throw new Error("refused without a reason");
      refused += 1;
      continue;
    }
    const after = stored(object, at);
    const key = refKey(refOf(after));
    const attempt = world.compiler.attempt([{ before: known.get(key) ?? null, after }]);
    if ((attempt.findings.get(key) ?? []).some(({ severity }) => severity === "error")) {
      attempt.reject();
      refused += 1;
      continue;
    }
    attempt.accept();
    known.set(key, after);
    accepted += 1;
  }
  for (const hosts of world.compiler.scopes({ fronts: ["*"], gateways: ["*"] }).values())
    for (const [host, found] of hosts) {
      if (found === null) continue;
      const linked = link(found.slice);
      for (const request of REQUESTS) decide(linked, { ...request, host, authority: host });
      served += 1;
    }
  return { accepted, refused, served };
}
