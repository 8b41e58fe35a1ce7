/** What a request's URL says, as the WHATWG parser reads it. */
export interface Target {
  readonly secure: boolean;
  /** Lower case. */
  readonly hostname: string;
  /** With the scheme's default filled in. */
  readonly port: number;
  /** With its port unless that is the scheme's default. */
  readonly host: string;
  readonly pathname: string;
  /** Raw, without `?`. */
  readonly query: string;
  /** The URL means what it says: the parser would change nothing in it. */
  readonly plain: boolean;
}

/** URLs that mean what they say: no character that the parser would decode, escape, fold or resolve. */
const PLAIN =
  /^(https?):\/\/((?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*)(?::([1-9]\d{0,4}))?((?:\/[\w~!$&()*+,=:@-][\w.~!$&()*+,=:@-]*)*\/?)(?:\?([\w.~!$&()*+,;=:@/?%-]*))?$/;

/**
 * Reads a request's URL. The plain ones, nearly all, are read without the parser, which costs more than all that follows.
 *
 * @param text the runtime pastes it together unparsed; untrusted
 * @returns null where it is no http URL, or holds a user
 */
export function readTarget(text: string): Target | null {
  const [, scheme, hostname, port, pathname, query = ""] = PLAIN.exec(text) ?? [];
  const number = port === undefined ? null : Number(port);
  if (hostname === undefined || pathname === undefined || pathname === "" || !isPlainHost(hostname, number))
    return parsed(text);
  const secure = scheme === "https";
  const standard = secure ? 443 : 80;
  const host = number === null || number === standard ? hostname : `${hostname}:${number}`;
  return { secure, hostname, port: number ?? standard, host, pathname, query, plain: true };
}

/** Labels that begin with `xn--` are checked by the parser. */
function isPlainHost(hostname: string, port: number | null): boolean {
  return (port === null || port <= 65_535) && !hostname.includes("xn--");
}

function parsed(text: string): Target | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  if (url.username !== "" || url.password !== "") return null;
  const secure = url.protocol === "https:";
  return {
    secure,
    hostname: url.hostname,
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    host: url.host,
    pathname: url.pathname,
    query: url.search.slice(1),
    plain: false,
  };
}
