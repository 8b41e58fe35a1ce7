import { useState } from "preact/hooks";
import { type Offer, offer, resume, type Session, signIn } from "./state/api.ts";
import { problem } from "./state/problem.ts";

/** A link that makes another of who is signed in: it may be somebody else's, and nothing was changed yet. */
export function Offered({ offer: { code, offered, before } }: { readonly offer: Offer }) {
  const [busy, setBusy] = useState(false);
  const end = async (takes: boolean): Promise<void> => {
    setBusy(true);
    const refused = takes ? await signIn({ code, replace: true }) : null;
    if (refused !== null) problem.value = refused;
    if (!takes || refused !== null) await resume();
    offer.value = null;
  };
  return (
    <main class="sign-in">
      <h1>Sign in as somebody else?</h1>
      <p>
        You are <Who session={before} />. The link that led here signs you in as <Who session={offered} />: what you do
        from then on is done in that name. Go on only if the link is your own.
      </p>
      <button type="button" disabled={busy} onClick={() => void end(false)}>
        Stay {before.name}
      </button>
      <button type="button" class="quiet" disabled={busy} onClick={() => void end(true)}>
        Sign in as {offered.name}
      </button>
    </main>
  );
}

function Who({ session: { name, role, namespace } }: { readonly session: Session }) {
  return (
    <strong>
      {name}, {role} of {namespace ?? "the mesh"}
    </strong>
  );
}
