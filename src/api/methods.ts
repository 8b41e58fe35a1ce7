import { PLAIN_OPERATIONS } from "./plain-operations.ts";

const PATHS = Object.entries(PLAIN_OPERATIONS).map(([template, operations]) => ({
  pattern: new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`),
  methods: Object.keys(operations).map((method) => method.toUpperCase()),
}));

/** @returns which methods a path of the plain API takes, in capitals; none: there is no such path */
export function methodsOf(path: string): readonly string[] {
  return PATHS.find(({ pattern }) => pattern.test(path))?.methods ?? [];
}
