import type { ShownProject } from "./dev/shown.ts";
import type { DataProcess } from "./data-process.ts";
import type { Layout } from "./layout.ts";
import type { Options } from "./options.ts";

/** What `npm start -- --json` prints. URLs are without a trailing slash. */
export interface MeshInfo {
  readonly page?: string;
  /** The first gateway's plain listener: any Gateway's hosts. */
  readonly gateway: string;
  /** The first gateway's TLS listener for callers with a certificate. */
  readonly mesh: string;
  readonly control: string;
  readonly controlHttp: string;
  readonly metrics: string;
  readonly tokenFile: string;
  readonly kubeconfigFile: string;
  readonly caFile: string;
  readonly stateDir: string;
  readonly gatewayClassName: string;
  readonly controllerName: string;
  readonly gateways: readonly string[];
  readonly meshes: readonly string[];
  readonly services?: Readonly<Record<string, string>>;
  readonly pid: number;
  /** Of `tulle dev`. */
  readonly project?: ShownProject;
}

export function infoOf(
  options: Options,
  layout: Layout,
  data: DataProcess | null,
  { page: pageUrl, project }: { readonly page: string | null; readonly project: ShownProject | null },
): MeshInfo {
  const { ports } = layout;
  const alone = options.only === "control";
  const indices = Array.from({ length: data === null ? 0 : options.gateways }, (_, index) => index);
  const gateways = indices.map((index) => `http://127.0.0.1:${ports.gateway(index)}`);
  const meshes = indices.map((index) => `https://127.0.0.1:${ports.mesh(index)}`);
  const controlHttp = `http://127.0.0.1:${alone ? ports.controlDirect : ports.controlHttp}`;
  const services = Object.entries(data?.services ?? {}).map(([name, port]) => [name, `http://127.0.0.1:${port}`]);
  return {
    ...(pageUrl !== null && { page: pageUrl }),
    gateway: gateways[0] ?? "",
    mesh: meshes[0] ?? "",
    control: `https://127.0.0.1:${alone ? ports.controlAlone : ports.controlHttps}`,
    controlHttp,
    metrics: `${controlHttp}/metrics`,
    tokenFile: layout.tokenFile,
    kubeconfigFile: layout.kubeconfigFile,
    caFile: layout.caFile,
    stateDir: layout.state,
    gatewayClassName: "tulle",
    controllerName: "tulle.dev/gateway",
    gateways,
    meshes,
    ...(services.length > 0 && { services: Object.fromEntries(services) as Record<string, string> }),
    pid: process.pid,
    ...(project !== null && { project }),
  };
}
