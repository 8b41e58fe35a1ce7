/** What a call to another service gave: its JSON, or `{error}`. */
export interface Fetched {
  readonly status: number;
  readonly body: unknown;
}

interface Details {
  readonly author: string;
  readonly year: number;
  readonly type: string;
  readonly pages: number;
  readonly publisher: string;
  readonly language: string;
  readonly "ISBN-10": string;
  readonly "ISBN-13": string;
}

interface Reviews {
  readonly podname: string;
  readonly reviews: readonly {
    readonly reviewer: string;
    readonly text: string;
    readonly rating?: { readonly stars: number; readonly color: string } | { readonly error: string };
  }[];
}

export const STYLE = `
:root { color-scheme: light dark; --accent: #5b4b8a; --line: #8884; --ink: #222; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --accent: #b9a7f0; --ink: #eee; --paper: #16141c; } }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header { display: flex; gap: 1rem; align-items: center; justify-content: space-between; padding: .75rem 1.5rem; border-bottom: 1px solid var(--line); }
header b { color: var(--accent); }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 2rem; margin: .5rem 0; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
blockquote { margin: 0 0 1.25rem; padding-left: 1rem; border-left: 3px solid var(--accent); }
.stars { letter-spacing: .15em; font-size: 1.25rem; }
.stars.black { color: var(--ink); }
.stars.red { color: #d22; }
.error { padding: .75rem 1rem; border: 1px solid #c33; border-radius: .4rem; }
button, input { font: inherit; padding: .25rem .6rem; }
`;

export function startPage(): string {
  return page(
    "Bookinfo",
    `<h1>Bookinfo</h1>
<p>A book page made of four services, each a Worker of its own that knows nothing of the mesh in front of it.</p>
<table><tr><th>Service</th><th>Calls</th></tr>
<tr><td>productpage</td><td>details, reviews</td></tr><tr><td>details</td><td></td></tr>
<tr><td>reviews</td><td>ratings (v2, v3)</td></tr><tr><td>ratings</td><td></td></tr></table>
<p><a href="/productpage?u=normal">Normal user</a> · <a href="/productpage?u=test">Test user</a></p>`,
    null,
  );
}

export function productPage(view: {
  readonly title: string;
  /** From our own constant, not from a caller. */
  readonly descriptionHtml: string;
  readonly user: string | null;
  readonly details: Fetched;
  readonly reviews: Fetched;
}): string {
  return page(
    view.title,
    `<h1>${escape(view.title)}</h1><p>${view.descriptionHtml}</p>
<div class="columns"><section id="details">${detailsBlock(view.details)}</section>
<section id="reviews">${reviewsBlock(view.reviews)}</section></div>`,
    view.user,
  );
}

function detailsBlock({ status, body }: Fetched): string {
  if (status !== 200) return errorBlock("Error fetching product details!", body);
  const details = body as Details;
  const rows = [
    ["Type", details.type],
    ["Author", details.author],
    ["Year", details.year],
    ["Pages", details.pages],
    ["Publisher", details.publisher],
    ["Language", details.language],
    ["ISBN-10", details["ISBN-10"]],
    ["ISBN-13", details["ISBN-13"]],
  ];
  return `<h2>Book Details</h2><table>${rows.map(([name, value]) => `<tr><th>${name}</th><td>${escape(String(value))}</td></tr>`).join("")}</table>`;
}

function reviewsBlock({ status, body }: Fetched): string {
  if (status !== 200) return errorBlock("Error fetching product reviews!", body);
  const { reviews, podname } = body as Reviews;
  const quotes = reviews.map(({ reviewer, text, rating }) => {
    return `<blockquote><p>${escape(text)}</p><footer>${escape(reviewer)} ${stars(rating)}</footer></blockquote>`;
  });
  return `<h2>Book Reviews</h2>${quotes.join("")}<p><small>Reviews served by: ${escape(podname)}</small></p>`;
}

function stars(rating: Reviews["reviews"][number]["rating"]): string {
  if (rating === undefined) return "";
  if ("error" in rating) return `<span class="error">${escape(rating.error)}</span>`;
  const filled = Math.min(5, Math.max(0, rating.stars));
  const colour = rating.color === "red" ? "red" : "black";
  return `<span class="stars ${colour}" aria-label="${filled} of 5 stars">${"★".repeat(filled)}${"☆".repeat(5 - filled)}</span>`;
}

function errorBlock(title: string, body: unknown): string {
  const { error } = body as { readonly error: string };
  return `<div class="error"><h2>${title}</h2><p>${escape(error)}</p></div>`;
}

function page(title: string, main: string, user: string | null): string {
  const session =
    user === null
      ? `<form method="post" action="/login"><input name="username" placeholder="User name" aria-label="User name" required>
<input name="passwd" type="password" placeholder="Password" aria-label="Password"> <button>Sign in</button></form>`
      : `<span>${escape(user)} (<a href="/logout">sign out</a>)</span>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title><link rel="stylesheet" href="/static/style.css"></head>
<body><header><b>Bookinfo</b>${session}</header><main>${main}</main></body></html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
