/** An entry of `packages` in a package-lock.json, as far as it matters here. */
interface Locked {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
}

/**
 * The lock of a project with one dependency, whose own are found in another project's lock: no version is chosen anew.
 *
 * @param ours the other project's, in which all that is needed stands
 * @param project the package.json
 * @param name the dependency's
 * @param installed its entry
 * @throws where ours lacks something
 */
export function cutLock(ours: Lock, project: Locked, name: string, installed: Locked): Lock {
  const packages = new Map<string, Locked>();
  const add = (user: string, { dependencies, optionalDependencies, peerDependencies }: Locked): void => {
    for (const needed of Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies })) {
      const path = resolved(ours, user, needed);
      const entry = path === null ? undefined : ours.packages[path];
      if (path === null || entry === undefined) {
        if (dependencies?.[needed] !== undefined) throw new Error(`our lock has no ${needed}, which ${user} needs`);
        continue;
      }
      if (packages.has(path)) continue;
      packages.set(path, entry);
      add(path, entry);
    }
  };
  add("", installed);
  return {
    lockfileVersion: ours.lockfileVersion,
    packages: { "": project, [`node_modules/${name}`]: installed, ...Object.fromEntries(packages) },
  };
}

/** Where `user` finds a package: below itself, else below the next folder up. */
function resolved({ packages }: Lock, user: string, needed: string): string | null {
  for (let folder = user; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${needed}`;
    if (packages[path] !== undefined) return path;
    if (folder === "") return null;
  }
}
