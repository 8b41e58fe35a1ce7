import type { HttpMatchSpec } from "../../resources/http-match.ts";
import type { StringMatchSpec } from "../../resources/string-match.ts";

/**
 * Istio's merge of a root's match blocks with a delegate's: every block of the delegate is narrowed by each block of the root
 * that it fits into.
 *
 * @returns null where a block of the delegate fits into none: its rule is dropped
 */
export function mergeMatches(
  root: readonly HttpMatchSpec[],
  delegate: readonly HttpMatchSpec[],
): readonly HttpMatchSpec[] | null {
  if (root.length === 0) return delegate;
  if (delegate.length === 0) return root;
  const blocks: HttpMatchSpec[] = [];
  for (const own of delegate) {
    const wider = root.filter((block) => !conflicts(block, own));
    if (wider.length === 0) return null;
    blocks.push(...wider.map((block) => mergeBlock(block, own)));
  }
  return blocks;
}

function mergeBlock(root: HttpMatchSpec, own: HttpMatchSpec): HttpMatchSpec {
  const name = [root.name, own.name].filter((one) => one !== undefined && one !== "").join("-");
  // Port 0 and an empty prefix are as good as none.
  const port = own.port || root.port || undefined;
  const statPrefix = own.statPrefix || root.statPrefix;
  const { port: _port, statPrefix: _prefix, ...wider } = root;
  const { port: _own, statPrefix: _ownPrefix, ...narrower } = own;
  return {
    ...wider,
    ...narrower,
    name,
    ...(port !== undefined && { port }),
    ...(statPrefix !== undefined && { statPrefix }),
    headers: { ...root.headers, ...own.headers },
    // What the root keeps out stays out: here its match is the wider one.
    withoutHeaders: { ...own.withoutHeaders, ...root.withoutHeaders },
    queryParams: { ...root.queryParams, ...own.queryParams },
    ...((root.sourceLabels ?? own.sourceLabels) && { sourceLabels: { ...root.sourceLabels, ...own.sourceLabels } }),
  };
}

/** Whether a delegate's block asks for what the root's block has not. */
function conflicts(root: HttpMatchSpec, own: HttpMatchSpec): boolean {
  const { port = 0, ignoreUriCase = false, gateways, sourceNamespace } = own;
  if ((root.ignoreUriCase ?? false) !== ignoreUriCase) return true;
  if ((root.port ?? 0) !== 0 && port !== 0 && root.port !== port) return true;
  if (root.sourceNamespace !== undefined && sourceNamespace !== undefined && root.sourceNamespace !== sourceNamespace)
    return true;
  if (root.gateways && gateways?.some((name) => root.gateways?.includes(name) !== true) === true) return true;
  const fields = ["uri", "scheme", "method", "authority"] as const;
  if (fields.some((field) => isWider(own[field], root[field]))) return true;
  const maps = ["headers", "withoutHeaders", "queryParams"] as const;
  if (maps.some((field) => Object.entries(own[field] ?? {}).some(([key, one]) => isWider(one, root[field]?.[key]))))
    return true;
  return Object.entries(own.sourceLabels ?? {}).some(
    ([key, value]) => root.sourceLabels?.[key] !== undefined && root.sourceLabels[key] !== value,
  );
}

/** Whether a match may take what another one does not; one that is not there conflicts with none. */
function isWider(own: StringMatchSpec | undefined, root: StringMatchSpec | undefined): boolean {
  if (own === undefined || root === undefined) return false;
  // Whether one pattern lies within another is not looked into, as in Istio.
  if (own.regex !== undefined || root.regex !== undefined) return true;
  if (root.exact !== undefined) return own.exact !== root.exact;
  if (root.prefix === undefined) return true;
  return !(own.exact ?? own.prefix)?.startsWith(root.prefix);
}
