import { firstPair, type Labels } from "./entries.ts";
import { GATEWAY_NAMESPACE, selects } from "./view.ts";
import type { Viewer, World } from "./world.ts";

const NO_LABELS: Labels = {};

/** The viewer that a Gateway's workload is: no Sidecar stands in front of it. */
export function gatewayViewer(labels: Labels): Viewer {
  return `${GATEWAY_NAMESPACE}/*${JSON.stringify(labels)}`;
}

/** What is known of a viewer's labels: those of a namespace's callers differ, so a namespace has none. */
export function viewerLabels(world: World, viewer: Viewer): Labels {
  const slash = viewer.indexOf("/");
  if (slash < 0) return NO_LABELS;
  return viewer[slash + 1] === "*"
    ? (JSON.parse(viewer.slice(slash + 2)) as Labels)
    : accountLabels(world, viewer as AccountViewer);
}

/** `namespace/serviceAccount`. */
type AccountViewer = `${string}/${string}`;

/** Nothing but the service account is proven of a caller: the labels that all workloads with this account have. */
function accountLabels(world: World, account: AccountViewer): Labels {
  return world.memo.get(`account-labels ${account}`, () => {
    const [first, ...others] = callersAs(world, account);
    if (first === undefined) return NO_LABELS;
    const common = Object.entries(first).filter(([key, value]) => others.every((labels) => labels[key] === value));
    return Object.fromEntries(common);
  });
}

/** The labels of each workload that carries a service account. */
function callersAs(world: World, account: string): readonly Labels[] {
  return world.inventory
    .of("account", account)
    .flatMap((object) => world.kindOf(object)?.callers(object) ?? [])
    .filter((caller) => caller.account === account)
    .map(({ labels }) => labels);
}

/** The service accounts whose callers all have these labels. */
export function accountsWith(world: World, labels: Labels): readonly AccountViewer[] {
  const { memo, inventory } = world;
  const pair = firstPair(labels);
  // By one of them first: that list is the same for all that ask for it.
  const candidates = memo.get(`accounts ${pair}`, () =>
    inventory.keys("account").filter((account) => {
      const own = accountLabels(world, account as AccountViewer);
      return pair === "" || Object.entries(own).some(([key, value]) => `${key}=${value}` === pair);
    }),
  ) as readonly AccountViewer[];
  return candidates.filter((account) => selects(labels, accountLabels(world, account)));
}

/** The service accounts whose callers all have one of these labels, whatever its value. */
export function accountsNaming(world: World, names: readonly string[]): readonly AccountViewer[] {
  if (names.length === 0) return [];
  const accounts = world.inventory.keys("account") as readonly AccountViewer[];
  return accounts.filter((account) => {
    const labels = accountLabels(world, account);
    return names.some((name) => labels[name] !== undefined);
  });
}

/** Service accounts of a namespace (all where it is null) of whose workloads some have these labels and some have not. */
export function accountsPartlyWith(world: World, labels: Labels, namespace: string | null): readonly string[] {
  return world.inventory.keys("account").filter((account) => {
    if (namespace !== null && !account.startsWith(`${namespace}/`)) return false;
    const some = callersAs(world, account).some((own) => selects(labels, own));
    return some && !selects(labels, accountLabels(world, account as AccountViewer));
  });
}
