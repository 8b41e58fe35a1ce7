import type { FoundWorker } from "./found-worker.ts";

/** Workers that are versions of one service. */
export interface FoundService {
  readonly name: string;
  readonly versions: readonly { readonly version: string; readonly worker: FoundWorker }[];
}

/** `reviews-v2` is version v2 of reviews. */
export function versionIn(worker: string): { readonly stem: string; readonly version: string } | null {
  const [, stem, version] = /^(.+)[-_](v\d+)$/.exec(worker) ?? [];
  return stem === undefined || version === undefined ? null : { stem, version };
}

/**
 * Workers whose names differ by `-v1` and `-v2` alone are versions of one service, `orders` beside `orders-v2` its v1; unless
 * somebody tells them apart: by binding two of them, by calling one from the other, or by routes of their own.
 */
export function servicesOf(workers: readonly FoundWorker[]): readonly FoundService[] {
  const byStem = Map.groupBy(workers, ({ name }) => versionIn(name)?.stem ?? name);
  return [...byStem].flatMap(([stem, group]) => {
    const versions = group.map((worker) => ({ version: versionIn(worker.name)?.version ?? "v1", worker }));
    const distinct = new Set(versions.map(({ version }) => version)).size === group.length;
    if (group.length > 1 && distinct && !areToldApart(group, workers))
      return [
        { name: serviceLabel(stem), versions: versions.toSorted((a, b) => number(a.version) - number(b.version)) },
      ];
    // A first version that is alone has the service's name free.
    const lone = versions.length === 1 && versions[0]?.version === "v1" ? stem : null;
    return group.map((worker) => ({
      name: serviceLabel(lone ?? worker.name),
      versions: [{ version: "v1", worker }],
    }));
  });
}

/** Whether somebody means one of them and not the other. */
export function areToldApart(group: readonly FoundWorker[], workers: readonly FoundWorker[]): boolean {
  const names = new Set(group.map(({ name }) => name));
  const boundBy = workers.map(
    (worker) => new Set(worker.services.map(({ service }) => service).filter((name) => names.has(name))),
  );
  const callees = new Set(boundBy.flatMap((bound) => [...bound]));
  const callsOther = group.some(({ services }) => services.some(({ service }) => names.has(service)));
  return callsOther || callees.size > 1 || group.filter(({ routes }) => routes.length > 0).length > 1;
}

/** A Worker's name as a DNS label. */
export function serviceLabel(worker: string): string {
  const label = worker
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  return label === "" ? "worker" : label;
}

/** A mesh's name by its folder's; another one where its own Workers would have the name of one of these. */
export function meshName(folder: string, workers: readonly FoundWorker[]): string {
  const name = serviceLabel(folder).slice(0, 50);
  const own = new Set(["control", "state", "gateway"].map((part) => `${name}-${part}`));
  return workers.some((worker) => own.has(worker.name)) ? `${name}-mesh` : name;
}

function number(version: string): number {
  return Number(version.slice(1));
}
