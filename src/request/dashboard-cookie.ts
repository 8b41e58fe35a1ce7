/**
 * Cookies of the dashboard. A browser sends them to every port of a host, so also to gateways beside control: no service
 * sees them (R9). Over https the name's prefix keeps other ports from setting one.
 */
export const DASHBOARD_COOKIE = "tulle-session";
export const SECURE_DASHBOARD_COOKIE = `__Host-${DASHBOARD_COOKIE}`;

/** @returns the header without the dashboard's cookies; empty: nothing is left */
export function withoutDashboardCookies(cookies: string): string {
  if (!cookies.includes(DASHBOARD_COOKIE)) return cookies;
  return cookies
    .split(";")
    .filter((pair) => !isDashboardCookie(pair.split("=", 1).join("").trim()))
    .join(";")
    .trim();
}

export function isDashboardCookie(name: string): boolean {
  return name === DASHBOARD_COOKIE || name === SECURE_DASHBOARD_COOKIE;
}
