import { signal } from "@preact/signals";

/** Who is signed in. */
export interface Session {
  readonly name: string;
  readonly role: "viewer" | "editor" | "admin";
  /** The only namespace that they see; null: all. */
  readonly namespace: string | null;
  /** What they may beside their role: `tail`, `explain`. */
  readonly permissions: readonly string[];
  /** Epoch ms. */
  readonly expiresAt: number | null;
  /** Control's. */
  readonly version: string;
}

/** What a link would make of whoever is signed in already. */
export interface Offer {
  readonly code: string;
  readonly offered: Session;
  readonly before: Session;
}

/** Null: none waits for a word. */
export const offer = signal<Offer | null>(null);

/** undefined: not known yet; null: nobody. */
export const session = signal<Session | null | undefined>(undefined);

/** What was refused, and why. */
export interface Refusal {
  /** HTTP's; 0: nothing was answered. */
  readonly status: number;
  readonly message: string;
}

export type Answered<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Refusal };

interface Wish {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/**
 * A call of the API with the browser's session. Control and these files are one build: its answers are taken as they come.
 *
 * @param path from `/api/v1/` or `/k8s/` on
 */
export async function call<T>(path: string, { method = "GET", body, signal }: Wish = {}): Promise<Answered<T>> {
  try {
    const response = await fetch(`/ui${path}`, {
      method,
      headers: { accept: "application/json", ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
    const text = await response.text();
    if (response.ok) return { ok: true, value: (text === "" ? null : JSON.parse(text)) as T };
    if (response.status === 401 && path !== "/session") session.value = null;
    return { ok: false, error: { status: response.status, message: messageOf(text, response.status) } };
  } catch (error) {
    return { ok: false, error: { status: 0, message: `control did not answer: ${String(error)}` } };
  }
}

function messageOf(text: string, status: number): string {
  try {
    const { message, error } = JSON.parse(text) as { readonly message?: string; readonly error?: string };
    return message ?? error ?? `control answered ${status}`;
  } catch {
    return `control answered ${status}`;
  }
}

/** Asks who is signed in. */
export async function resume(): Promise<void> {
  const answer = await call<Session>("/session");
  session.value = answer.ok ? answer.value : null;
}

/** @returns what is wrong, or null */
export async function signIn(credential: {
  readonly code?: string;
  readonly token?: string;
  readonly replace?: true;
}): Promise<string | null> {
  const answer = await call<Session>("/session", { method: "POST", body: credential });
  session.value = answer.ok ? answer.value : null;
  return answer.ok ? null : answer.error.message;
}

/**
 * By a link. Where somebody else is signed in here nothing changes yet: `offer` says who they would become.
 *
 * @returns whether the code was good
 */
export async function follow(code: string): Promise<boolean> {
  const response = await fetch("/ui/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  }).catch(() => null);
  if (response?.status === 409) {
    const { offered, before } = (await response.json()) as Omit<Offer, "code">;
    offer.value = { code, offered, before };
  } else if (response?.ok === true) session.value = (await response.json()) as Session;
  return response?.ok === true || response?.status === 409;
}

export async function signOut(): Promise<void> {
  await call("/session", { method: "DELETE" });
  session.value = null;
}
