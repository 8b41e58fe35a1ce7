import type { CheckFact } from "../request/check-fact.ts";
import type { RequestFacts } from "../request/facts.ts";
import { fillFormat } from "../request/header-format.ts";
import { headerSize, MAX_HEADER_BYTES } from "../request/header-size.ts";
import { emptyHeaders, type MutableHeaders } from "../request/headers.ts";
import { isSettable, type LinkedAuthorizer } from "./external-authorization.ts";

type Lines = readonly (readonly [name: string, value: string])[];

/** The path, with its query, that an authorizer is asked at. */
export function checkPath({ model }: LinkedAuthorizer, { forwardPath, query }: RequestFacts): string {
  return `${model.pathPrefix ?? ""}${forwardPath}${query === "" ? "" : `?${query}`}`;
}

/**
 * What an authorizer is told of a request's headers: Host and Authorization, those that its provider lists, and those that are added,
 * which stand over the client's.
 */
export function checkHeaders({ told, added, model }: LinkedAuthorizer, facts: RequestFacts): MutableHeaders {
  const headers = emptyHeaders();
  headers["host"] = facts.headers["host"] ?? facts.authority;
  for (const name in facts.headers) if (told(name)) headers[name] = facts.headers[name] ?? "";
  const { principal } = facts.peer;
  if (principal !== null && told(PEER)) headers[PEER] = `URI=spiffe://${principal}`;
  const context = { facts, route: "", cluster: null };
  for (const { name, format } of added) {
    const value = fillFormat(format, context);
    if (value !== "") headers[name] = value;
  }
  if (model.maxBodyBytes !== undefined) headers["x-envoy-auth-partial-body"] = "false";
  return headers;
}

/** As the service gets it, for who calls. */
const PEER = "x-forwarded-client-cert";

/**
 * What an authorizer's answer means: 200 lets the request pass, an error of its own is no verdict, any other answer is the client's
 * (Envoy's rule). Nothing that its body does changes that.
 *
 * @param lines lower-case names; lines of one name apart
 */
export function verdictOf(authorizer: LinkedAuthorizer, status: number, lines: Lines): CheckFact {
  const isTooLarge = headerSize(lines) > MAX_HEADER_BYTES;
  if (status < 200 || status >= 500 || (status === 200 && isTooLarge)) return { verdict: "failed", reason: "answer" };
  if (status !== 200) {
    const headers = isTooLarge ? [] : lines.filter(([name]) => authorizer.toClientOnDeny(name));
    return { verdict: "denied", status, headers, body: "" };
  }
  const toService = emptyHeaders();
  for (const [name, value] of lines) {
    if (!authorizer.toService(name)) continue;
    const before = toService[name];
    toService[name] = before === undefined ? value : `${before}, ${value}`;
  }
  const removed = lines.filter(([name]) => name === TO_REMOVE).flatMap(([, list]) => removable(list));
  return {
    verdict: "allowed",
    toService,
    toClient: lines.filter(([name]) => authorizer.toClientOnAllow(name)),
    ...(removed.length > 0 && { removed }),
  };
}

/** By which an authorizer names the request's headers that the service shall not get, as to Envoy: credentials that it has looked at. */
const TO_REMOVE = "x-envoy-auth-headers-to-remove";

/** Of a list those that it could set as well: no other takes Host, or what the mesh says, away. */
function removable(list: string): readonly string[] {
  const names = list.split(",").map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== "" && isSettable(name));
}
