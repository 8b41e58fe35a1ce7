export type Tone = "good" | "warn" | "bad" | "plain";

/** A word with a colour: the word alone tells it as well. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: string }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}
