import { options, render } from "preact";
import { App } from "./app.tsx";
import { follow, offer, resume, session } from "./state/api.ts";
import { codeIn } from "./state/place.ts";
import { problem } from "./state/problem.ts";
import { showPlainly } from "./visible.ts";

const others = options.vnode?.bind(options);
/** Every text and every element of every page comes by here: as a vnode a text's props are the text. */
options.vnode = (vnode) => {
  showPlainly(vnode);
  others?.(vnode);
};

const code = codeIn(window.location.hash);
// Out of the history before anything else is done: whoever looks at it later finds no code.
if (code !== null) window.history.replaceState(null, "", "/ui/");

const root = document.getElementById("app");
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}

if (code !== null && !(await follow(code)))
  problem.value = "That link was used, or is older than a minute. `tulle dashboard` prints another one.";
if (session.value === undefined && offer.value === null) await resume();
