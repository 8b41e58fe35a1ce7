import type { Project } from "../../project/read-project.ts";
import type { Layout } from "../layout.ts";
import { commandElsewhere } from "./elsewhere.ts";

/** What is told of a project's Workers when they are up. */
export interface ShownProject {
  /** By which anybody calls them: service, as `namespace/name`, to URL without a trailing slash. */
  readonly public: Readonly<Record<string, string>>;
  /** What to type to run a Worker in another terminal, by its name. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

export function shownOf({ topology: { services, gateways }, configs }: Project, layout: Layout): ShownProject {
  const open = services.filter(({ publicHosts }) => publicHosts.length > 0);
  const urlOf = (name: string, gateway: string, anyHost: boolean): string => {
    const port = layout.ports.gateway(gateways.findIndex((one) => one.name === gateway));
    return `http://${anyHost ? "127.0.0.1" : `${name}.localhost`}:${port}`;
  };
  return {
    public: Object.fromEntries(
      open.map(({ namespace, name, gateway, publicHosts }) => [
        `${namespace}/${name}`,
        // The names that the mesh gives public services on this machine (src/deployment/mesh-resources.ts).
        urlOf(name, gateway, open.length === 1 || publicHosts.includes("*")),
      ]),
    ),
    elsewhere: Object.fromEntries([...configs].map(([name, source]) => [name, commandElsewhere(source, layout)])),
  };
}

/** For people. */
export function linesOf({ public: urls, elsewhere }: ShownProject): readonly string[] {
  const [first = ""] = Object.values(elsewhere);
  return [
    ...Object.entries(urls).map(([service, url]) => `  public    ${service}: ${url}/`),
    ...(Object.keys(urls).length === 0
      ? ["  public    none: name host names in `public` of a service of the mesh file"]
      : []),
    "",
    "A Worker may run in another terminal, in its own name and behind its policies:",
    "",
    `  ${first}`,
    "",
    "With another configuration `wrangler dev` calls past the gateways, without an identity.",
    "What differs from an account: docs/dev.md.",
    "",
  ];
}
