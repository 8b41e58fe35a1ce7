/** Characters that turn the order of others about: what somebody wrote would read as something else (CVE-2021-42574). */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text with such characters written out: `\u202e`. */
export function visible(text: string): string {
  return text.replace(TURNING, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Attributes that are shown, or read out. */
const SHOWN = ["title", "aria-label", "aria-description", "aria-valuetext", "placeholder", "alt", "label"];

/** Makes what a part of a page shows visible: its text, or, of an element, those attributes. @param vnode as it is made, before it is drawn */
export function showPlainly(vnode: { readonly type: unknown; props: unknown }): void {
  if (typeof vnode.props === "string") vnode.props = visible(vnode.props);
  else if (typeof vnode.type === "string") {
    const props = vnode.props as Record<string, unknown>;
    for (const name of SHOWN) {
      const text = props[name];
      if (typeof text === "string") props[name] = visible(text);
    }
  }
}
