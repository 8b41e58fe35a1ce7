/** Where somebody is: `#/services/default/reviews?window=60`. */
export interface Place {
  /** `["services", "default", "reviews"]` */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** @param hash of the location; anything that is no place is the first page */
export function readPlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return {
    path: path
      .split("/")
      .filter((part) => part !== "")
      .map(decoded),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @returns what a link points at; a query's empty values are left out */
export function placeOf(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== "");
  const search = new URLSearchParams(kept).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}

/** A sign-in link's code, which must not stay in the address. */
export function codeIn(hash: string): string | null {
  const [, code] = /^#code=(code_[\w-]{1,128})$/.exec(hash) ?? [];
  return code ?? null;
}
