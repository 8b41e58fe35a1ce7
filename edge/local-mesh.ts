import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ignoreAllBut } from "../project/ignored.ts";
import { isAlive, takeLock } from "../project/lock.ts";
import { kubeconfig } from "../src/kube/kubeconfig.ts";
import { EdgeAuthority } from "./certificates.ts";
import { type ControlClient, controlClient } from "./control-client.ts";
import { startControl } from "./control-process.ts";
import { gatewayNames, startData } from "./data-process.ts";
import type { OpenProject } from "./dev/project.ts";
import { type Example, type ExampleCall, readExample } from "./examples.ts";
import { shownOf } from "./dev/shown.ts";
import { followGateways } from "./follow.ts";
import type { GatewayListeners } from "./gateway-listeners.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { MeshAuthority } from "./mesh-authority.ts";
import { infoOf, type MeshInfo } from "./mesh-info.ts";
import { MAX_GATEWAYS, type Options } from "./options.ts";
import { openControl, openGateways, type Opening, portFree } from "./own-listeners.ts";
import { untilServed, wake } from "./ready.ts";
import { endOrphans, logSink, recordPids, runtimePids } from "./runtime.ts";
import { loadSecrets, type Secrets, writeSecret } from "./secrets.ts";
import { StartError } from "./start-error.ts";

export interface LocalMesh {
  readonly info: MeshInfo;
  readonly accessLog: string;
  /** What to try with a certificate; null where there is no example. */
  readonly call: ExampleCall | null;
  /** Settles when part of the mesh ended by itself, with what to say. */
  readonly broken: Promise<string>;
  /** A link to the dashboard that signs in once, within a minute; null where control has no token here. */
  dashboardLink(): Promise<string | null>;
  stop(): Promise<void>;
}

const WATCH_MS = 1_000;

/**
 * Brings the local mesh up.
 *
 * @param progress is told each step
 * @param onAccess gets each line of the access log
 * @param complain is told what goes wrong while the mesh runs, for people to mend
 * @throws StartError
 */
export async function startMesh(
  options: Options,
  progress: (step: string) => void,
  onAccess: (line: string) => void,
  complain: (problem: string) => void,
): Promise<LocalMesh> {
  const layout = layoutOf(resolve(options.state), options.portBase);
  mkdirSync(layout.state, { recursive: true });
  ignoreAllBut(layout.state, ["deploy/"]);
  const cleanup: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of cleanup.splice(0).reverse()) await step();
  };
  try {
    return await bringUp(options, layout, { progress, onAccess, complain, stop, onStop: (step) => cleanup.push(step) });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Run {
  readonly progress: (step: string) => void;
  readonly onAccess: (line: string) => void;
  readonly complain: (problem: string) => void;
  readonly stop: () => Promise<void>;
  readonly onStop: (step: () => Promise<void> | void) => void;
}

async function bringUp(given: Options, layout: Layout, run: Run): Promise<LocalMesh> {
  const project = await opened(given);
  const options = project === null ? given : { ...given, gateways: project.gateways.length };
  const roles = options.only === null ? (["control", "data"] as const) : [options.only];
  for (const role of roles) await lock(layout, role, run);
  const secrets = loadSecrets(layout.state);
  const authority = await EdgeAuthority.open(layout.state, layout.caFile);
  const client = controlClient(layout.ports.controlDirect);
  const meshAuthority = new MeshAuthority(layout.meshCaFile, client);
  const onLine = logSink(layout, run.onAccess);
  const opening: Opening = { options, layout, authority, meshAuthority, onLine, onStop: run.onStop };
  const examples = options.examples.map(readExample);

  const control =
    options.only === "data"
      ? []
      : await upControl(
          opening,
          secrets,
          {
            trustDomain: project?.project.topology.trustDomain ?? options.trustDomain,
            // Where it starts alone, how many gateways there will be is not known to it.
            gateways: gatewayNames({ gateways: options.only === null ? options.gateways : MAX_GATEWAYS, project }),
          },
          run,
        );
  const token = await adminToken(client, layout, secrets);
  await openControl(opening);
  const data = options.only === "control" ? null : await upData(opening, secrets, { examples, project }, control, run);
  if (options.only !== "data" && token !== null) await applyExamples(client, token, examples, run);
  if (project !== null && data !== null && token !== null) {
    const { startProject } = await import("./dev/project.ts");
    await startProject(project, {
      ...run,
      print: run.onAccess,
      opening,
      data: data.process,
      client,
      token,
      known: [...control, ...data.pids],
    });
  }
  const shown = project === null ? null : shownOf(project.project, layout);
  if (data !== null) await followGateways(data.listeners, client, opening);

  const info = infoOf(options, layout, data?.process ?? null, {
    page: page(examples, data?.listeners ?? null),
    project: shown,
  });
  writeKubeconfig(info, token ?? "");
  if (options.only === null) {
    if (info.page !== undefined) {
      run.progress("waiting for the page");
      await untilServed(info.page);
    }
    // A project's gateways are known already, and a call might reach a Worker of its user's.
    if (project === null) await wake(info);
  }
  const pids = [...control, ...(data?.pids ?? [])];
  const call = examples[0]?.call ?? null;
  const dashboardLink = async (): Promise<string | null> =>
    token === null || options.only === "data" ? null : `${info.controlHttp}/ui/#code=${await client.signInCode(token)}`;
  return { info, accessLog: layout.accessLog, call, broken: watch(pids, run), dashboardLink, stop: run.stop };
}

/** What runs a project takes long to load: a mesh without one starts without it. */
async function opened({ project, environment }: Options): Promise<OpenProject | null> {
  if (project === null) return null;
  const { openProject } = await import("./dev/project.ts");
  return openProject(project, environment);
}

/** @returns its processes */
async function upControl(
  { options, layout, onLine }: Opening,
  secrets: Secrets,
  what: { readonly trustDomain: string; readonly gateways: readonly string[] },
  run: Run,
): Promise<readonly number[]> {
  run.progress("starting control");
  await portFree(layout.ports.controlDirect, options);
  const control = await startControl(layout, secrets, what, onLine);
  run.onStop(() => control.stop());
  return track(layout, "control", []);
}

async function upData(
  opening: Opening,
  secrets: Secrets,
  what: { readonly examples: readonly Example[]; readonly project: OpenProject | null },
  known: readonly number[],
  run: Run,
) {
  const { options, layout, onLine } = opening;
  run.progress("starting gateways, state and services");
  const process = await startData(layout, secrets, { ...options, ...what }, onLine);
  run.onStop(() => process.stop());
  const pids = track(layout, "data", known);
  return { process, pids, listeners: await openGateways(opening, process) };
}

function writeKubeconfig({ control, caFile, kubeconfigFile }: MeshInfo, token: string): void {
  const ca = readFileSync(caFile).toString("base64");
  writeSecret(kubeconfigFile, kubeconfig({ server: control, ca, user: "admin", token, namespace: "default" }));
}

async function lock(layout: Layout, role: "control" | "data", { onStop }: Run): Promise<void> {
  const taken = takeLock(layout.state, role);
  if ("holder" in taken)
    throw new StartError(
      `${layout.state} is in use by process ${taken.holder}; stop it, or choose another folder with --state DIR`,
    );
  onStop(() => taken.release());
  await endOrphans(layout.state, role);
}

/** @returns the runtime's processes that are new since the last look */
function track(layout: Layout, role: string, known: readonly number[]): readonly number[] {
  const fresh = runtimePids(process.pid).filter((pid) => !known.includes(pid));
  recordPids(layout.state, role, fresh);
  return fresh;
}

/** A token that control knows; null where control is away and none was kept. */
async function adminToken(client: ControlClient, layout: Layout, secrets: Secrets): Promise<string | null> {
  const kept = existsSync(layout.tokenFile) ? readFileSync(layout.tokenFile, "utf8").trim() : null;
  if (!(await client.isUp())) return kept;
  if (kept !== null && (await client.knows(kept))) return kept;
  const token = await client.bootstrap(secrets.bootstrap);
  writeSecret(layout.tokenFile, `${token}\n`);
  return token;
}

async function applyExamples(
  client: ControlClient,
  token: string,
  examples: readonly Example[],
  { progress }: Run,
): Promise<void> {
  for (const example of examples) {
    progress(`applying ${example.name}`);
    await client.apply(token, example.resources.join("\n---\n")).catch((error: unknown) => {
      throw new StartError(
        `the example ${example.name} was refused: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }
}

function page(examples: readonly Example[], listeners: GatewayListeners | null): string | null {
  const wanted = examples.find((example) => example.page !== null)?.page ?? null;
  const url = wanted && listeners?.urlOf(wanted.gateway);
  return wanted && url ? `${url}${wanted.path}` : null;
}

/** A runtime that dies takes part of the mesh with it, and says nothing. */
async function watch(pids: readonly number[], run: Run): Promise<string> {
  return new Promise((broken) => {
    const timer = setInterval(() => {
      const gone = pids.find((pid) => !isAlive(pid));
      if (gone !== undefined) broken(`the runtime's process ${gone} ended by itself`);
    }, WATCH_MS);
    timer.unref();
    run.onStop(() => clearInterval(timer));
  });
}
