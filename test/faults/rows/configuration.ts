import { latency } from "../latency.ts";
import { others } from "../load.ts";
import { exactly, type Row } from "../row.ts";
import { hostOf, world } from "../world.ts";

const deny = (id: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: shut, namespace: ${id.toLowerCase()} }
spec:
  action: DENY
  targetRefs: [{ kind: ServiceEntry, group: networking.istio.io, name: service }]
  rules: [{ to: [{ operation: { paths: ["/shut"] } }] }]
`;

export const CONFIGURATION_ROWS: readonly Row[] = [
  {
    id: "F1",
    fault: "control down, gateway warm",
    promise: "traffic and policy go on",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      await mesh.mustApply(`${world("F1", [upstream.port])}\n---${deny("F1")}`);
      await mesh.settled();
      const requests = [{ host: hostOf("F1") }, { host: hostOf("F1"), path: "/shut" }];
      const load = async () => stage.load(mesh.portOf(), requests);
      const baseline = await stage.baseline("usual", load);
      for (const way of ["control", "registration"] as const) await mesh.fault(way, { kind: "throws" });
      const { runs, figures } = await latency(baseline, load);
      const wrong = runs.flatMap(({ byRequest: [open = {}, shut = {}] }) => [open[403] ?? 0, shut[200] ?? 0]);
      const failed = runs.map((run) => others(run, 200, 403)).reduce((sum, count) => sum + count, 0);
      return [
        exactly(`failed of ${stage.total}`, failed, 0),
        exactly(
          "decided otherwise",
          wrong.reduce((sum, count) => sum + count, 0),
          0,
        ),
        ...figures,
      ];
    },
  },
];
