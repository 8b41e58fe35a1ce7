import type { ComponentType } from "preact";

export interface PageProps {
  /** What follows the page's name in the address. */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

export interface PageEntry {
  /** The first part of the address. */
  readonly path: string;
  /** Its word in the menu; absent: it is reached by links. */
  readonly menu?: string;
  /** The page of the menu that it belongs to. */
  readonly under?: string;
  readonly load: () => Promise<ComponentType<PageProps>>;
}

/** All pages, in the menu's order. */
export const PAGES: readonly PageEntry[] = [
  { path: "graph", menu: "Graph", load: async () => (await import("./pages/graph.tsx")).Graph },
  { path: "services", menu: "Services", load: async () => (await import("./pages/services.tsx")).Services },
  { path: "workloads", under: "services", load: async () => (await import("./pages/workloads.tsx")).Workload },
  { path: "routes", menu: "Routes", load: async () => (await import("./pages/routes.tsx")).Routes },
  { path: "gateways", menu: "Gateways", load: async () => (await import("./pages/gateways.tsx")).Gateways },
  { path: "tail", menu: "Live", load: async () => (await import("./pages/tail.tsx")).Tail },
  { path: "explain", menu: "Explain", load: async () => (await import("./pages/explain.tsx")).Explain },
  { path: "policies", menu: "Policies", load: async () => (await import("./pages/policies.tsx")).Policies },
  { path: "object", under: "policies", load: async () => (await import("./pages/object.tsx")).ObjectPage },
  { path: "history", menu: "History", load: async () => (await import("./pages/history.tsx")).History },
  {
    path: "certificates",
    menu: "Certificates",
    load: async () => (await import("./pages/certificates.tsx")).Certificates,
  },
  { path: "ejections", menu: "Ejections", load: async () => (await import("./pages/ejections.tsx")).Ejections },
  { path: "versions", menu: "Versions", load: async () => (await import("./pages/versions.tsx")).Versions },
];
