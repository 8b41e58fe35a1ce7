/**
 * The page's session: a user name in a cookie, signed with HMAC-SHA-256 so that nobody else can write it.
 * The key belongs to the isolate's Worker and is not a secret of the mesh: any password logs in here.
 */
const COOKIE = "session";

export async function userOf(request: Request, secret: string): Promise<string | null> {
  const value = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(request.headers.get("cookie") ?? "")?.[1];
  const [name, signature] = value?.split(".") ?? [];
  if (name === undefined || signature === undefined) return null;
  const valid = await crypto.subtle.verify("HMAC", await key(secret), fromBase64Url(signature), utf8(name));
  return valid ? new TextDecoder().decode(fromBase64Url(name)) : null;
}

/** The `Set-Cookie` value that logs `user` in. */
export async function loginCookie(user: string, secret: string): Promise<string> {
  const name = toBase64Url(utf8(user));
  const signature = await crypto.subtle.sign("HMAC", await key(secret), utf8(name));
  return `${COOKIE}=${name}.${toBase64Url(new Uint8Array(signature))}; Path=/; HttpOnly; SameSite=Lax`;
}

export const LOGOUT_COOKIE = `${COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`;

async function key(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", utf8(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return new Uint8Array();
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}
