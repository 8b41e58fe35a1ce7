import { fixed, sendFixed } from "../fixed-document.ts";
import type { Ask } from "../kube/request.ts";

/** Defined by whoever bundles control (`project/dashboard-files.ts`): path below `/ui/` to text. Nobody defines it in Node. */
declare const TULLE_DASHBOARD: Readonly<Record<string, string>> | undefined;

const FILES = new Map(typeof TULLE_DASHBOARD === "undefined" ? [] : Object.entries(TULLE_DASHBOARD));

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * What the pages may do (R32): only code and styles of these files, no markup made from text, calls to this origin alone, no
 * frame around them.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types tulle",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

/** @returns null where there is no such file; `index.html` is answered in any case */
export async function dashboardFile(c: Ask, path: string): Promise<Response | null> {
  const name = path === "" ? "index.html" : path;
  const text = FILES.get(name);
  if (text === undefined && name !== "index.html") return null;
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain; charset=utf-8";
  const response = sendFixed(
    c,
    await fixed(`ui/${name}`, type, () => text ?? "<!doctype html><title>Tulle</title>The dashboard is not built in."),
  );
  for (const [header, value] of Object.entries(HEADERS)) response.headers.set(header, value);
  return response;
}
