/** Enough to keep other text out; whoever judges addresses parses them. */
const ADDRESS = /^[0-9A-Fa-f.:]{2,45}$/;

/**
 * The client's address where proxies stand in front of the platform, each of which adds whom it saw to X-Forwarded-For: the
 * Nth from its right end, of N proxies. What stands left of it may be anybody's claim.
 *
 * @param forwarded X-Forwarded-For as it came
 * @param proxies at least 1
 * @returns null where no address stands there: then the platform's word counts, as without proxies
 */
export function clientBehind(forwarded: string | null, proxies: number): string | null {
  const address = forwarded?.split(",").at(-proxies)?.trim();
  return address !== undefined && ADDRESS.test(address) ? address : null;
}
