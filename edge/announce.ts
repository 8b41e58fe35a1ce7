import { relative } from "node:path";
import type { MeshInfo } from "./local-mesh.ts";

/** What a person sees when the mesh is up: what to open, and what to type next. */
export function announcement(info: MeshInfo, accessLog: string): string {
  const short = (path: string): string => {
    const near = relative(process.cwd(), path);
    return near.startsWith("..") ? path : near;
  };
  const ca = short(info.caFile);
  const token = short(info.tokenFile);
  const host = info.page === undefined ? "" : "productpage.default.svc.cluster.local";
  const lines = [
    "",
    "The mesh is up.",
    "",
    ...(info.page === undefined ? [] : [`  page      ${info.page}`]),
    ...info.gateways.map((url, index) => `  gateway   ${url}   with a certificate: ${info.meshes[index] ?? ""}`),
    `  control   ${info.control}`,
    `  metrics   ${info.metrics}`,
    `  log       ${short(accessLog)}, and below: one line a request`,
    "",
    "Apply a policy (no store for a dry run: add ?dryRun=All):",
    "",
    `  curl --cacert ${ca} -H "Authorization: Bearer $(cat ${token})" -H 'Content-Type: application/yaml' \\`,
    `    --data-binary @policy.yaml ${info.control}/api/v1/apply`,
    "",
    "See what is counted:",
    "",
    `  curl -H "Authorization: Bearer $(cat ${token})" ${info.metrics}`,
    "",
    "Call as a workload, with a certificate of the mesh (a key, a request, a join token, the certificate, a call):",
    "",
    "  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout web.key -out web.csr",
    `  JOIN=$(curl -s -H "Authorization: Bearer $(cat ${token})" -d '{"namespace":"default","serviceAccount":"web"}' \\`,
    `    ${info.controlHttp}/api/v1/join-tokens | node -pe 'JSON.parse(require("fs").readFileSync(0)).token')`,
    `  node -p 'JSON.stringify({csr: require("fs").readFileSync("web.csr", "utf8")})' | curl -s -d @- \\`,
    `    -H "Authorization: Bearer $JOIN" ${info.controlHttp}/api/v1/enrol \\`,
    `    | node -pe 'JSON.parse(require("fs").readFileSync(0)).certificate' > web.pem`,
    ...(host === ""
      ? []
      : [
          `  curl --insecure --cert web.pem --key web.key -H "Host: details.default.svc.cluster.local:9080" ${info.mesh}/details/0`,
        ]),
    "",
    "kubeconfig: " + short(info.kubeconfigFile) + "   Ctrl-C ends everything.",
    "",
  ];
  return lines.join("\n");
}
