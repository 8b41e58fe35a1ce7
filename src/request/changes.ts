import { withoutCookie } from "./credentials.ts";
import { copyHeaders, type HeaderRecord, type MutableHeaders } from "./headers.ts";

/** One change of a header. Names are lower case. */
export type HeaderChange =
  | { readonly op: "remove"; readonly name: string }
  /** Takes one cookie out of the Cookie header. */
  | { readonly op: "remove-cookie"; readonly name: string }
  /** `template` is what the value was made of; it stands for the value wherever the change is written down */
  | { readonly op: "set"; readonly name: string; readonly value: string; readonly template?: string }
  | { readonly op: "add"; readonly name: string; readonly value: string; readonly template?: string }
  /** Sets the payload of the token at a place, base64url: no fact holds it, whoever sends the request does. */
  | { readonly op: "set-payload"; readonly name: string; readonly place: number };

/** Stands for a token's payload where headers are only looked at. */
const PAYLOAD = "(payload)";

/** Headers after some changes. The ones given stay as they are: a copy is made only where something changes. */
export function changedHeaders(headers: HeaderRecord, changes: readonly HeaderChange[]): HeaderRecord {
  if (changes.length === 0) return headers;
  const copy = copyHeaders(headers);
  for (const change of changes) applyChange(copy, change, () => PAYLOAD);
  return copy;
}

/** @param payloadAt the payload of the token at a place of the slice */
export function applyChange(headers: MutableHeaders, change: HeaderChange, payloadAt: (place: number) => string): void {
  const { name } = change;
  switch (change.op) {
    case "remove":
      delete headers[name];
      break;
    case "set":
      headers[name] = change.value;
      break;
    case "add": {
      const before = headers[name];
      headers[name] = before === undefined ? change.value : `${before}, ${change.value}`;
      break;
    }
    case "remove-cookie":
      removeCookie(headers, name);
      break;
    case "set-payload":
      headers[name] = payloadAt(change.place);
      break;
  }
}

function removeCookie(headers: MutableHeaders, name: string): void {
  const cookies = headers["cookie"];
  if (cookies === undefined) return;
  const kept = withoutCookie(cookies, name);
  if (kept === null) delete headers["cookie"];
  else headers["cookie"] = kept;
}
