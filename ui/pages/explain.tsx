import { useState } from "preact/hooks";
import { Explained, type Explanation } from "../explain/explained.tsx";
import { type Invented, wantedOf } from "../explain/wanted.ts";
import type { PageProps } from "../pages.ts";
import { Shown } from "../parts/shown.tsx";
import { call } from "../state/api.ts";
import { setQuery } from "../state/location.ts";
import { useData } from "../state/use-data.ts";

/** Why a request was answered as it was, or would be. */
export function Explain({ query }: PageProps) {
  const id = query["requestId"] ?? query["traceId"] ?? "";
  const asked = query["traceId"] === undefined ? "requestId" : "traceId";
  const recorded = useData<Explanation>(id === "" ? null : `/api/v1/explain?${asked}=${encodeURIComponent(id)}`);
  return (
    <>
      <h1>Explain</h1>
      <section aria-labelledby="recorded">
        <h2 id="recorded">A request that was sent</h2>
        <form
          class="controls"
          onSubmit={(event) => {
            event.preventDefault();
            const text = textIn(new FormData(event.currentTarget), "id");
            // W3C's form of a trace id is 32 hex digits; that of a request has dashes.
            setQuery(
              /^[0-9a-f]{32}$/i.test(text)
                ? { traceId: text.toLowerCase(), requestId: "" }
                : { requestId: text, traceId: "" },
            );
          }}
        >
          <label>
            Request id or trace id
            <input key={id} name="id" defaultValue={id} autocomplete="off" spellcheck={false} required size={40} />
          </label>
          <button type="submit">Explain it</button>
        </form>
        {id !== "" && <Shown data={recorded}>{(explanation) => <Explained explanation={explanation} />}</Shown>}
      </section>
      <Invent />
    </>
  );
}

function textIn(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** A request that nobody sent. */
function Invent() {
  const [answer, setAnswer] = useState<Explanation | { readonly problem: string } | null>(null);
  const ask = async (invented: Invented): Promise<void> => {
    const wanted = wantedOf(invented);
    if (!wanted.ok) return setAnswer({ problem: wanted.error });
    const answered = await call<Explanation>("/api/v1/explain", { method: "POST", body: wanted.value });
    setAnswer(answered.ok ? answered.value : { problem: answered.error.message });
  };
  return (
    <section aria-labelledby="invented">
      <h2 id="invented">A request that might be sent</h2>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const [method, url, as, headers, jwt] = ["method", "url", "as", "headers", "jwt"].map((name) =>
            textIn(form, name),
          );
          void ask({ method: method ?? "", url: url ?? "", as: as ?? "", headers: headers ?? "", jwt: jwt ?? "" });
        }}
      >
        <label>
          Method
          <input name="method" defaultValue="GET" size={8} required />
        </label>
        <label>
          URL
          <input name="url" placeholder="http://reviews:9080/reviews/0" size={36} required spellcheck={false} />
        </label>
        <label>
          As principal
          <input name="as" placeholder="cluster.local/ns/default/sa/productpage" size={40} spellcheck={false} />
        </label>
        <label>
          Headers, one a line
          <textarea name="headers" rows={2} cols={30} spellcheck={false} />
        </label>
        <label>
          JWT
          <textarea name="jwt" rows={2} cols={30} spellcheck={false} />
        </label>
        <button type="submit">Explain it</button>
      </form>
      {answer !== null &&
        ("problem" in answer ? (
          <p class="notice bad" role="alert">
            {answer.problem}
          </p>
        ) : (
          <Explained explanation={answer} />
        ))}
    </section>
  );
}
