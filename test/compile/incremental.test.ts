import * as fc from "fast-check";
import { it } from "vitest";
import { Compiler } from "../../src/compile/compiler.ts";
import { kindOfObject } from "../../src/kinds/registry.ts";
import { everything, service, TestWorld } from "./world.ts";
import { expectEqual } from "../support/equal.ts";
import { times } from "../support/scale.ts";

const name = fc.constantFrom("a", "b", "c");
const namespace = fc.constantFrom("default", "shop", "istio-system");
const kinds = [
  "VirtualService",
  "DestinationRule",
  "AuthorizationPolicy",
  "PeerAuthentication",
  "ServiceEntry",
  "Gateway",
  "Sidecar",
] as const;

/** One document of each kind, in variants that reach into one another. */
function document(kind: (typeof kinds)[number], object: string, of: string, target: string, variant: number): string {
  const host = `${target}.default.svc.cluster.local`;
  const specs: Record<(typeof kinds)[number], string> = {
    VirtualService: `{ ${object === target ? "" : `hosts: [${host}, x.test], gateways: [mesh, default/${target}],`} ${variant % 2 ? "exportTo: [.]," : ""}
      http: [${variant > 1 && object !== target ? `{ match: [{ uri: { prefix: /x } }], delegate: { name: ${target} } }, ` : ""}{ name: r${variant}, ${variant === 2 ? "match: [{ sourceLabels: { version: v2 } }, { uri: { exact: /x } }]," : ""} route: [{ destination: { host: ${host}${variant > 2 ? ", subset: v1" : ""} } }] }] }`,
    DestinationRule: `{ host: ${host}, ${variant === 2 ? "workloadSelector: { matchLabels: { version: v2 } }," : ""} trafficPolicy: { connectionPool: { tcp: { maxConnections: ${variant + 1} } },
      ${variant === 3 ? "outlierDetection: {}, loadBalancer: { localityLbSetting: { failoverPriority: [version] }, warmup: { duration: 1m } }" : ""} },
      subsets: [{ name: v1, labels: { version: ${variant > 2 ? "v1" : "v2"} } }] }`,
    AuthorizationPolicy: `{ action: ${variant % 2 ? "DENY" : "ALLOW"}, ${variant > 1 ? `selector: { matchLabels: { app: ${target} } },` : ""} rules: [{}] }`,
    PeerAuthentication: `{ mtls: { mode: ${variant % 2 ? "STRICT" : "PERMISSIVE"} } }`,
    ServiceEntry: `{ hosts: [se-${target}.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC,
      endpoints: [{ address: "binding:EP_${variant % 2 ? "DEFAULT_A_V1" : "FREE"}", labels: { app: ${target} } }] }`,
    Sidecar: `{ ${variant === 0 ? "inboundConnectionPool: { tcp: { maxConnections: 3 } }," : "outboundTrafficPolicy: {},"} ${variant % 2 ? "workloadSelector: { labels: { version: v2 } }," : ""}
      egress: [{ hosts: ${variant > 1 ? `["*/*", "~default/${host}"]` : `[./*, "*/${host}"]`} }] }`,
    Gateway: `{ selector: { istio: x }, servers: [{ port: { number: ${80 + variant}, name: http, protocol: HTTP }, hosts: ["*.test"] }] }`,
  };
  const group = kind.endsWith("Policy") || kind.endsWith("Authentication") ? "security" : "networking";
  return `
apiVersion: ${group}.istio.io/v1
kind: ${kind}
metadata: { name: ${object}, namespace: ${of} }
spec: ${specs[kind]}`;
}

const step = fc.oneof(
  fc.record({ apply: fc.constantFrom(...kinds), object: name, of: namespace, target: name, variant: fc.nat(3) }),
  fc.record({ remove: fc.constantFrom(...kinds, "WorkloadEntry" as const), object: name, of: namespace }),
);

it("what is compiled change by change equals what is compiled at once, verdicts included, and a rejected change leaves nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const world = new TestWorld();
      for (const of of ["a", "b", "c"]) world.apply(service(of, { versions: ["v1", "v2"] }));
      for (const change of steps) {
        if ("apply" in change)
          world.apply(document(change.apply, change.object, change.of, change.target, change.variant));
        else
          world.delete(
            change.remove,
            change.remove === "WorkloadEntry" ? `${change.object}-v1` : change.object,
            change.of,
          );
        // Looking in between is what makes later changes incremental.
        const now = world.everything();
        const [any] = world.objects.values();
        if (any) {
          const attempt = world.compiler.attempt([{ before: any, after: null }]);
          if (change.object === "a") everything(world.compiler);
          attempt.reject();
          expectEqual(world.everything(), now);
        }
      }
      const fresh = new Compiler({ local: true, trustDomain: "cluster.local", kindOf: kindOfObject });
      const { findings: verdicts, accept } = fresh.attempt(
        [...world.objects.values()].map((after) => ({ before: null, after })),
      );
      accept();
      world.compile([]);
      expectEqual(Object.fromEntries(world.verdicts), Object.fromEntries(verdicts));
      expectEqual(world.everything(), everything(fresh));
    }),
    { numRuns: times(150, 3_000) },
  );
});
