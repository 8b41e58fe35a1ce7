import { signal } from "@preact/signals";

/** What the sign-in page tells of the link that led here. */
export const problem = signal<string | null>(null);
