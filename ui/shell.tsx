import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ThemeSwitch } from "./parts/theme-switch.tsx";
import { PAGES, type PageEntry, type PageProps } from "./pages.ts";
import { type Session, signOut } from "./state/api.ts";
import { place } from "./state/location.ts";
import { placeOf } from "./state/place.ts";

export function Shell({ session }: { readonly session: Session }) {
  const [first = "graph"] = place.value.path;
  const entry = PAGES.find(({ path }) => path === first);
  return (
    <div class="shell">
      <a class="skip" href="#content" onClick={toContent}>
        Skip to content
      </a>
      <header>
        <a class="brand" href="#/graph">
          Tulle
        </a>
        <nav aria-label="Pages">
          <ul>
            {PAGES.filter(({ menu }) => menu !== undefined).map(({ path, menu }) => (
              <li key={path}>
                <a href={placeOf([path])} aria-current={path === (entry?.under ?? first) ? "page" : undefined}>
                  {menu}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="who">
          <span title={`version ${session.version}`}>
            {session.name}: {session.role}
            {session.namespace === null ? "" : ` of ${session.namespace}`}
          </span>
          <ThemeSwitch />
          <button type="button" class="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {entry === undefined ? <Unknown /> : <Shown key={entry.path} entry={entry} />}
      </main>
    </div>
  );
}

function toContent(event: MouseEvent): void {
  // The fragment is the page's: a real jump would leave it.
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Unknown() {
  return (
    <>
      <h1>No such page</h1>
      <p>
        Begin at the <a href="#/graph">graph</a>.
      </p>
    </>
  );
}

/** A page's code is fetched when it is first looked at. */
function Shown({ entry }: { readonly entry: PageEntry }) {
  const [page, setPage] = useState<{ readonly Page: ComponentType<PageProps> } | null>(null);
  const [failed, setFailed] = useState(false);
  const { path, query } = place.value;
  const where = path.join("/");
  useEffect(() => {
    entry.load().then(
      (Page) => setPage({ Page }),
      () => setFailed(true),
    );
  }, [entry]);
  const said = useRef("");
  useEffect(() => {
    const heading = document.querySelector("main h1");
    document.title = `${heading?.textContent ?? entry.menu ?? "Tulle"} · Tulle`;
    // Whoever listens to the page hears where they are; not at the first page, which begins at the top.
    if (said.current !== "" && said.current !== where) document.getElementById("content")?.focus();
    said.current = where;
  }, [where, page]);
  if (failed)
    return (
      <p class="notice bad" role="alert">
        This page could not be loaded. Control may have been renewed: <a href="/ui/">load it again</a>.
      </p>
    );
  if (page === null) return <p class="loading">Loading…</p>;
  return <page.Page path={path.slice(1)} query={query} />;
}
