import { Offered } from "./offered.tsx";
import { offer, session } from "./state/api.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign-in.tsx";
import "./state/theme.ts";

export function App() {
  const who = session.value;
  if (offer.value !== null) return <Offered offer={offer.value} />;
  if (who === undefined) return <p class="loading">Loading…</p>;
  return who === null ? <SignIn /> : <Shell session={who} />;
}
