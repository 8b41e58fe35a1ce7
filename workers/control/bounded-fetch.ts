import { fetchedUrlProblem, isAllowedHost } from "../../src/resources/address.ts";
import { err, ok, type Result } from "../../src/result.ts";

/** What control may fetch, and how (R14, R20). */
export interface FetchBounds {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Plain http to loopback, as in the local mesh alone. */
  readonly local: boolean;
}

const MAX_BYTES = 256 * 1_024;
const MAX_WAIT_MS = 2_000;

/**
 * A JSON document of somebody else's: https, no redirect, of a host on the egress list, within 256 KiB and 2 s.
 *
 * @param allowedHosts the egress list of now: what is stored was checked against an older one
 * @returns the text, or why there is none
 */
export async function fetchBounded(
  url: string,
  allowedHosts: readonly string[],
  { fetch, local }: FetchBounds,
): Promise<Result<string, string>> {
  const problem = fetchedUrlProblem(url, local);
  const { protocol, hostname } = URL.parse(url) ?? { protocol: "", hostname: "" };
  if (problem !== null) return err(`its URL ${problem}`);
  if (protocol !== "http:" && !isAllowedHost(allowedHosts, hostname))
    return err(`\`${hostname}\` is not on \`egress.allowedHosts\` of the MeshConfig`);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.timeout(MAX_WAIT_MS),
      headers: { accept: "application/json" },
    });
    if (response.status === 200) return await boundedText(response);
    await response.body?.cancel();
    return err(`it answered ${response.status}`);
  } catch (error) {
    const late = error instanceof Error && error.name === "TimeoutError";
    return err(late ? `it did not answer within ${MAX_WAIT_MS / 1_000} s` : "it cannot be reached");
  }
}

async function boundedText(response: Response): Promise<Result<string, string>> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let bytes = 0;
  let text = "";
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) return err(`its document is larger than ${MAX_BYTES / 1_024} KiB`);
      text += decoder.decode(chunk, { stream: true });
    }
    return ok(text + decoder.decode());
  } catch (error) {
    return err(error instanceof TypeError ? "its document is no UTF-8" : "its document broke off");
  }
}
