import { isAbsolute, relative } from "node:path";
import { linesOf } from "./dev/shown.ts";
import type { ExampleCall } from "./examples.ts";
import type { MeshInfo } from "./mesh-info.ts";

/** What a person sees when the mesh is up: what to open, and what to type next. */
export function announcement(info: MeshInfo, accessLog: string, call: ExampleCall | null): string {
  const short = (path: string): string => {
    const near = relative(process.cwd(), path);
    return near.startsWith("..") ? path : near;
  };
  const token = short(info.tokenFile);
  const lines = [
    "",
    "The mesh is up.",
    "",
    ...(info.page === undefined ? [] : [`  page      ${info.page}`]),
    ...info.gateways.map((url, index) => `  gateway   ${url}   with a certificate: ${info.meshes[index] ?? ""}`),
    `  control   ${info.control}`,
    `  metrics   ${info.metrics}`,
    `  dashboard ${info.controlHttp}/ui/   sign in: npx tulle dashboard --at ${info.controlHttp}`,
    `  log       ${short(accessLog)}, and below: one line a request`,
    ...(info.project === undefined ? [""] : linesOf(info.project)),
    "Manage it with kubectl, or with tulle (npx tulle --help):",
    "",
    `  export KUBECONFIG=${isAbsolute(short(info.kubeconfigFile)) ? "" : "$PWD/"}${short(info.kubeconfigFile)}`,
    "  kubectl get istio-io -A",
    "  kubectl apply -f FILE                  a dry run: --dry-run=server",
    "  npx tulle apply -f FOLDER              all or nothing; --wait: until the gateways have it",
    "  npx tulle status                       which gateway has which generation",
    "  npx tulle rollback N                   an earlier generation back; npx tulle revisions lists them",
    "",
    "See what happens, and why:",
    "",
    "  npx tulle tail                         requests as they end, each with its id",
    "  npx tulle explain REQUEST_ID           why it was answered as it was",
    "  npx tulle describe service NAME        what holds for it, and which object says so",
    `  curl -H "Authorization: Bearer $(cat ${token})" ${info.metrics}`,
    "",
    ...asWorkload(info, short, call),
    "Ctrl-C ends everything.",
    "",
  ];
  return lines.join("\n");
}

function asWorkload(info: MeshInfo, short: (path: string) => string, call: ExampleCall | null): readonly string[] {
  if (call === null) return [];
  const { serviceAccount, host, path } = call;
  const [ca, state] = [short(info.caFile), short(info.stateDir)];
  const certificate = `${state}/certs/${serviceAccount}`;
  return [
    "Call as a workload, with a certificate of the mesh:",
    "",
    `  npx tulle cert enrol --service-account ${serviceAccount}`,
    `  curl --cacert ${ca} --cert ${certificate}.pem --key ${certificate}.key -H "Host: ${host}" ${info.mesh}${path}`,
    "",
  ];
}
