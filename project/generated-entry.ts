import type { MeshWorker } from "../src/deployment/topology.ts";

/** It calls by host name: then its module has an entry before it. */
export function needsEntry({ sidecar }: MeshWorker): boolean {
  return sidecar !== null;
}

/**
 * The user's module as it is, with its calls by host name sent through the mesh. All that it exports passes on.
 *
 * @param main its module, absolute
 * @param sidecarModule of `interceptFetch`
 * @returns name of each file to its text, the entry first
 */
export function entryFiles(
  { name, sidecar }: MeshWorker,
  main: string,
  sidecarModule: string,
): Readonly<Record<string, string>> {
  const { hosts, rest } = sidecar ?? { hosts: {}, rest: null };
  const text = (value: unknown) => JSON.stringify(value, null, 2);
  return {
    [`${name}.entry.js`]:
      // The mesh comes first: modules are evaluated in order, so the user's code already sees the mesh's fetch.
      `import "./${name}.mesh.js";\nimport * as own from ${text(main)};\n\nexport * from ${text(main)};\n` +
      // The runtime takes a module without a default export, but not an undefined one.
      `export default Reflect.get(own, "default") ?? {};\n`,
    [`${name}.mesh.js`]: `import { interceptFetch } from ${text(sidecarModule)};\n\ninterceptFetch(${text(hosts)}, ${text(rest)});\n`,
  };
}
