import { useState } from "preact/hooks";
import { signIn } from "./state/api.ts";
import { problem } from "./state/problem.ts";
import { ThemeSwitch } from "./parts/theme-switch.tsx";

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const send = async (credential: { readonly token?: string }): Promise<void> => {
    setBusy(true);
    problem.value = await signIn(credential);
    setBusy(false);
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = new FormData(form).get("token");
    form.reset();
    if (typeof token === "string") void send({ token: token.trim() });
  };
  return (
    <main class="sign-in">
      <h1>Tulle</h1>
      <p>Sign in to see the mesh.</p>
      {problem.value !== null && (
        <p class="notice bad" role="alert">
          {problem.value}
        </p>
      )}
      <p>
        <code>tulle dashboard</code> prints a link that signs you in with the rights of your kubeconfig;{" "}
        <code>tulle login</code> makes one with your identity provider.
      </p>
      <form onSubmit={submit}>
        <label for="token">Token, or your provider's ID token</label>
        <input id="token" name="token" type="password" required autocomplete="off" spellcheck={false} />
        <button type="submit" disabled={busy}>
          Sign in
        </button>
      </form>
      <button type="button" class="quiet" disabled={busy} onClick={() => void send({})}>
        Sign in with Cloudflare Access
      </button>
      <ThemeSwitch />
    </main>
  );
}
