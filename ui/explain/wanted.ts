/** What somebody wrote into the form. */
export interface Invented {
  readonly method: string;
  readonly url: string;
  /** A principal; empty: nobody. */
  readonly as: string;
  /** Lines of `name: value`. */
  readonly headers: string;
  readonly jwt: string;
}

type Wanted = { readonly ok: true; readonly value: object } | { readonly ok: false; readonly error: string };

/** @returns the body of `POST /api/v1/explain`, or what is wrong */
export function wantedOf({ method, url, as, headers, jwt }: Invented): Wanted {
  const [, scheme, host, path = "/", query = ""] =
    /^(?:(https?):\/\/)?([^/?#\s]+)(\/[^?#\s]*)?(?:\?([^#\s]*))?$/.exec(url) ?? [];
  if (host === undefined)
    return { ok: false, error: `\`${url}\` is no URL: give one such as http://reviews:9080/reviews/0` };
  const sent: Record<string, string[]> = {};
  for (const line of headers.split("\n").filter((each) => each.trim() !== "")) {
    const [, name, value = ""] = /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) return { ok: false, error: `\`${line}\` is no header: write \`name: value\`` };
    (sent[name.toLowerCase()] ??= []).push(value);
  }
  return {
    ok: true,
    value: {
      facts: {
        method,
        host,
        path,
        ...(scheme !== undefined && { scheme }),
        ...(query !== "" && { query }),
        headers: sent,
      },
      ...(as !== "" && { as }),
      ...(jwt !== "" && { jwt: jwt.split(/\s+/) }),
    },
  };
}
