import type { Account, Verb } from "../../src/kube/access.ts";

/**
 * Who may do what where, written out: `r` reads, `w` reads and writes, `-` neither. `mesh-root` is the root namespace of the
 * MeshConfig, `all` is what stands in no namespace and whatever spans all of them.
 */
const TABLE = `
  role   of            | all  shop  other  istio-system  mesh-root
  viewer *             |  r    r     r          r            r
  editor *             |  r    w     w          r            r
  admin  *             |  w    w     w          w            w
  viewer shop          |  -    r     -          -            -
  editor shop          |  -    w     -          -            -
  admin  shop          |  -    w     -          -            -
  viewer istio-system  |  -    -     -          r            -
  editor istio-system  |  -    -     -          r            -
  admin  istio-system  |  -    -     -          r            -
  viewer mesh-root     |  -    -     -          -            r
  editor mesh-root     |  -    -     -          -            r
  admin  mesh-root     |  -    -     -          -            r
`;

/** Where something stands; empty: at the cluster scope, or in all namespaces at once. */
export const PLACES = ["", "shop", "other", "istio-system", "mesh-root"] as const;
export type Place = (typeof PLACES)[number];

export const ROOTS: ReadonlySet<string> = new Set(["istio-system", "mesh-root"]);

export const READS = ["get", "list", "watch"] as const satisfies readonly Verb[];
export const WRITES = ["create", "update", "patch", "delete", "deletecollection"] as const satisfies readonly Verb[];

interface Row {
  readonly account: Account;
  readonly reach: ReadonlyMap<Place, string>;
}

const ROWS: readonly Row[] = TABLE.trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [role = "", of = "", , ...letters] = line.trim().split(/\s+/);
    const namespace = of === "*" ? null : of;
    const name = namespace === null ? role : `${role}-of-${namespace}`;
    return {
      account: { id: name, name, role: role as Account["role"], namespace },
      reach: new Map(PLACES.map((place, at) => [place, letters[at] ?? ""])),
    };
  });

export const ACCOUNTS: readonly Account[] = ROWS.map(({ account }) => account);

/**
 * What the table says. A Namespace is read, alone and by its name, in the place that it makes; else it stands in none. A
 * Secret is read by whoever writes it.
 */
export function tableSays(account: Account, verb: Verb, place: Place, kind: string): boolean {
  const row = ROWS.find((each) => each.account.name === account.name);
  const letter = row?.reach.get(place);
  if (letter === undefined || !/^[-rw]$/.test(letter)) throw new Error(`the table lacks ${account.name} in ${place}`);
  return letter === "w" || (letter === "r" && kind !== "Secret" && READS.some((read) => read === verb));
}

/** The place where the table is looked up for a request that names a kind, and of a Namespace its own name. EnrolmentRules stand in none. */
export function placeOf(kind: string, verb: Verb, at: Place): Place {
  if (kind === "EnrolmentRule") return "";
  return kind === "Namespace" && verb !== "get" ? "" : at;
}
