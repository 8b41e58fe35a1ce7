import { kVoid } from "miniflare";

const NAME = "tulle-debug-port";

interface Bound {
  readonly config: {
    readonly env?: Readonly<Record<string, { readonly dev?: { readonly plugin?: { readonly name: string } } }>>;
  };
}

/** Loaded by Miniflare, by this file's path: gives a Worker the runtime's client of other processes' debug ports. */
export const plugins = {
  [NAME]: {
    options: undefined,
    getBindings: ({ config }: Bound) =>
      Object.entries(config.env ?? {})
        .filter(([, { dev }]) => dev?.plugin?.name === NAME)
        .map(([name]) => ({ name, workerdDebugPort: kVoid })),
    getNodeBindings: () => ({}),
    getServices: () => [],
  },
};
