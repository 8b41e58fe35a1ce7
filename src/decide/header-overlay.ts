import type { HeaderChange, HeaderView } from "./types.ts";

/** Headers as they will be after some changes, without a copy of them: most requests change none. */
export function withChanges(headers: HeaderView, changes: readonly HeaderChange[]): HeaderView {
  if (changes.length === 0) return headers;
  const changed = new Map<string, string | null>();
  for (const change of changes) {
    const before = changed.has(change.name) ? (changed.get(change.name) ?? null) : null;
    switch (change.op) {
      case "remove":
        changed.set(change.name, null);
        break;
      case "set":
        changed.set(change.name, change.value);
        break;
      case "add": {
        const had = changed.has(change.name) ? before : headers.get(change.name);
        changed.set(change.name, had === null ? change.value : `${had}, ${change.value}`);
        break;
      }
      case "remove-cookie": {
        const cookies = changed.has("cookie") ? (changed.get("cookie") ?? null) : headers.get("cookie");
        changed.set("cookie", cookies === null ? null : withoutCookie(cookies, change.name));
        break;
      }
    }
  }
  return {
    get(name) {
      const value = changed.get(name);
      return value === undefined ? headers.get(name) : value;
    },
  };
}

/** A Cookie header without one cookie; null where nothing is left. */
export function withoutCookie(header: string, name: string): string | null {
  const kept = header
    .split(/[;,]/)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "" && pair.split("=", 1)[0]?.trim() !== name);
  return kept.length === 0 ? null : kept.join("; ");
}

/** A raw query without some parameters. */
export function withoutParams(query: string, names: readonly string[]): string {
  if (names.length === 0 || query === "") return query;
  const kept = query.split("&").filter((pair) => {
    const [name] = new URLSearchParams(pair).keys();
    return name === undefined || !names.includes(name);
  });
  return kept.join("&");
}
