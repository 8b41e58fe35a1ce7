import { usageError } from "./command-error.ts";

/** What a curl command line asks for. */
export interface CurlRequest {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Of the URL, with its port where it has one. */
  readonly host: string;
  /** As written, without the query. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** By lower-case name, each line. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** What only says how curl calls or prints. */
const FLAGS = new Set(
  "-s -S -v -i -k -f -L -N -# -g -4 -6 --silent --show-error --verbose --include --insecure --fail --fail-with-body --location --no-buffer --globoff --path-as-is --http1.1 --http2 --http2-prior-knowledge --no-progress-meter --progress-bar --compressed-ssh --fail-early --tlsv1.2 --tlsv1.3 --raw".split(
    " ",
  ),
);
const WITH_VALUE = new Set(
  "-o -w -m -c --output --write-out --max-time --connect-timeout --cacert --capath --cert --key --cert-type --key-type --pass --resolve --connect-to --retry --retry-delay --interface --cookie-jar --dump-header -D --ciphers --tls-max --proxy -x --noproxy --stderr --trace --trace-ascii -E --limit-rate".split(
    " ",
  ),
);
const DATA = new Set(["-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json"]);
const FORM = new Set(["-F", "--form", "--form-string"]);

interface Reading {
  url: string | null;
  method: string | null;
  isGet: boolean;
  readonly data: string[];
  readonly headers: Map<string, string[]>;
}

/**
 * Reads the words of a curl command line, as a shell has split them.
 *
 * @param words with `curl` or without
 * @throws where it asks for what is not read here, or for nothing
 */
export function readCurl(words: readonly string[]): CurlRequest {
  const rest = words[0] === "curl" ? words.slice(1) : words;
  const read: Reading = { url: null, method: null, isGet: false, data: [], headers: new Map() };
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? "";
    if (!word.startsWith("-") || word === "-") {
      if (read.url !== null) throw usageError(`the curl line has two URLs, \`${read.url}\` and \`${word}\`: give one`);
      read.url = word;
    } else {
      const { option, value } = splitOption(word);
      const taken = take(read, option, () => value ?? rest[(at += 1)] ?? missing(option));
      // Flags may be joined: `-sSf`.
      if (!taken && !isJoined(read, word, () => rest[(at += 1)] ?? missing(word)))
        throw usageError(`curl's \`${option}\` is not read here: leave it out`);
    }
  }
  return requestOf(read);
}

/** `--name=value` is curl's `--name value` too; a short option may have its value behind it. */
function splitOption(word: string): { readonly option: string; readonly value: string | undefined } {
  if (word.startsWith("--")) {
    const equals = word.indexOf("=");
    return equals < 0
      ? { option: word, value: undefined }
      : { option: word.slice(0, equals), value: word.slice(equals + 1) };
  }
  const short = word.slice(0, 2);
  const hasValue = word.length > 2 && !FLAGS.has(short);
  return hasValue ? { option: short, value: word.slice(2) } : { option: word, value: undefined };
}

function isJoined(read: Reading, word: string, next: () => string): boolean {
  if (word.startsWith("--") || word.length < 3) return false;
  const letters = Array.from(word.slice(1), (letter) => `-${letter}`);
  const last = letters.pop() ?? "";
  return letters.every((letter) => letter === "-G" || letter === "-I" || FLAGS.has(letter))
    ? letters.every((letter) => take(read, letter, next)) && take(read, last, next)
    : false;
}

/** @returns whether it is known */
function take(read: Reading, option: string, value: () => string): boolean {
  if (FLAGS.has(option)) return true;
  if (WITH_VALUE.has(option)) value();
  else if (option === "-X" || option === "--request") read.method = value();
  else if (option === "-H" || option === "--header") addHeader(read, value());
  else if (option === "-A" || option === "--user-agent") put(read, "user-agent", value());
  else if (option === "-e" || option === "--referer") put(read, "referer", value());
  else if (option === "-b" || option === "--cookie") put(read, "cookie", value());
  else if (option === "-u" || option === "--user") put(read, "authorization", `Basic ${btoa(value())}`);
  else if (option === "--oauth2-bearer") put(read, "authorization", `Bearer ${value()}`);
  else if (option === "--compressed") put(read, "accept-encoding", "deflate, gzip, br, zstd");
  else if (option === "--url") read.url = value();
  else if (option === "-I" || option === "--head") read.method = "HEAD";
  else if (option === "-G" || option === "--get") read.isGet = true;
  else if (DATA.has(option)) addData(read, option, value());
  else if (FORM.has(option)) {
    value();
    read.method ??= "POST";
    put(read, "content-type", "multipart/form-data");
  } else return false;
  return true;
}

function addHeader(read: Reading, line: string): void {
  if (line.startsWith("@"))
    throw usageError("curl's headers of a file are not read here: write them as `-H 'name: value'`");
  const [, name, value] = /^([^\s:;]+)\s*:(.*)$/s.exec(line) ?? [];
  // `-H 'name;'` sends an empty one.
  const [, empty] = /^([^\s:;]+);$/.exec(line) ?? [];
  const of = (name ?? empty)?.toLowerCase();
  if (of === undefined) throw usageError(`\`${line}\` is no header: give \`name: value\``);
  const text = (value ?? "").trim();
  // `-H 'name:'` takes one out that curl would send by itself.
  if (name !== undefined && text === "") return;
  read.headers.set(of, [...(read.headers.get(of) ?? []), text]);
}

/** What curl would send where no header says otherwise. */
function put(read: Reading, name: string, value: string): void {
  if (!read.headers.has(name)) read.headers.set(name, [value]);
}

function addData(read: Reading, option: string, value: string): void {
  read.data.push(value);
  if (option === "--json") {
    put(read, "content-type", "application/json");
    put(read, "accept", "application/json");
  } else put(read, "content-type", "application/x-www-form-urlencoded");
}

function requestOf({ url, method, isGet, data, headers }: Reading): CurlRequest {
  if (url === null) throw usageError("the curl line has no URL");
  const [, scheme = "http", host = "", path = "", query = ""] =
    /^(?:(https?):\/\/)?([^/?#]+)([^?#]*)(?:\?([^#]*))?/i.exec(url) ?? [];
  if (host === "" || /^[a-z][a-z0-9+.-]*:\/\//i.test(url) !== /^https?:\/\//i.test(url))
    throw usageError(`\`${url}\` is no URL of http or https`);
  const pairs = [query, ...(isGet ? data : [])].filter((part) => part !== "");
  if (isGet) headers.delete("content-type");
  return {
    method: method ?? (data.length > 0 && !isGet ? "POST" : "GET"),
    scheme: scheme.toLowerCase() === "https" ? "https" : "http",
    host: host.slice(host.lastIndexOf("@") + 1),
    path: path === "" ? "/" : path,
    query: pairs.join("&"),
    headers: Object.fromEntries(headers),
  };
}

function missing(option: string): never {
  throw usageError(`curl's \`${option}\` wants a value`);
}
