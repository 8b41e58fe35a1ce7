import { isHostName } from "./names.ts";

/** A host name with or without port, as it stands in Host. */
export function isAuthorityValue(value: string): boolean {
  const [host = "", port, ...more] = value.split(":");
  return (
    more.length === 0 &&
    isHostName(host) &&
    (port === undefined || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
  );
}
