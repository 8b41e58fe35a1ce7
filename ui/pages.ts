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
  { path: "policies", menu: "Policies", load: async () => (await import("./pages/policies.tsx")).Policies },
  { path: "object", under: "policies", load: async () => (await import("./pages/object.tsx")).ObjectPage },
  { path: "history", menu: "History", load: async () => (await import("./pages/history.tsx")).History },
  {
    path: "certificates",
    menu: "Certificates",
    load: async () => (await import("./pages/certificates.tsx")).Certificates,
  },
  { path: "versions", menu: "Versions", load: async () => (await import("./pages/versions.tsx")).Versions },
];
