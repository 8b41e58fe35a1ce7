const LABEL = /^\w([-\w]*\w)?$/;

/** A host name, in which `_` may stand, with or without port: as it stands in Host. */
export function isAuthorityValue(value: string): boolean {
  const [host = "", port, ...more] = value.split(":");
  return (
    more.length === 0 &&
    host.length <= 253 &&
    host.split(".").every((label) => label.length <= 63 && LABEL.test(label)) &&
    (port === undefined || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
  );
}
