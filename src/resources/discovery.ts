/** Where an issuer tells about itself, below its own URL (OpenID Connect Discovery 1.0 §4). */
const WELL_KNOWN = "/.well-known/openid-configuration";

/**
 * @returns where the document of an issuer is that names no place of its keys; null where its name is no URL, as
 * `testing@secure.istio.io`
 */
export function discoveryUri(issuer: string): string | null {
  if (!isUrl(issuer)) return null;
  return `${issuer.replace(/\/$/, "")}${WELL_KNOWN}`;
}

/** Whether an issuer's name is meant as a URL. */
export function isUrl(issuer: string): boolean {
  return /^https?:\/\//i.test(issuer) && URL.canParse(issuer);
}
