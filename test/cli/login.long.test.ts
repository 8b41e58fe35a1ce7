import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIENT_ID, SignInProvider } from "../support/sign-in-provider.ts";
import { until } from "../support/until.ts";
import { RunningControl } from "../control/running.ts";
import { COMPILED, type Ended, MAIN, tulle, write } from "./tulle.ts";

let control: RunningControl;
let provider: SignInProvider;
let folder: string;
let server: string;

beforeAll(async () => {
  control = await RunningControl.start({ local: true });
  provider = await SignInProvider.start({ eve: ["ops"], ann: ["shop"], bob: [] });
  folder = mkdtempSync(join(tmpdir(), "tulle-login-"));
  server = (await control.url()).origin;
  const rules = [
    { claims: [{ name: "groups", values: ["ops"] }], role: "admin", namespace: "*" },
    { claims: [{ name: "groups", values: ["shop"] }], role: "viewer", namespace: "default" },
  ];
  const answer = await control.call("POST", "/api/v1/apply", {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: { signIn: [{ issuer: provider.issuer, audience: CLIENT_ID, rules }] },
  });
  expect([answer.status, answer.json["message"]]).toEqual([200, undefined]);
});
afterAll(async () => {
  await provider.stop();
  await control.stop();
  rmSync(folder, { recursive: true });
});

/** The program at work, and what it has said so far. */
interface Begun {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<Ended>;
}

function begin(args: readonly string[]): Begun {
  const child = spawn(process.execPath, [MAIN, "login", "--server", server, ...args], { cwd: folder, env: COMPILED });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
  return { child, said: () => stderr, ended };
}

const AT = () => ["--issuer", provider.issuer, "--client-id", CLIENT_ID];

async function urlOf({ said, ended }: Begun): Promise<string> {
  const seen = until("the URL to open", () => /https?:\/\/\S+/.test(said()));
  await Promise.race([seen, ended]);
  const [url] = /https?:\/\/\S+/.exec(said()) ?? [];
  if (url === undefined) throw new Error(`no URL to open: ${said()}`);
  return url;
}

async function byBrowser(user: string, ...args: readonly string[]): Promise<Ended> {
  const begun = begin([...AT(), ...args]);
  const page = await provider.visit(await urlOf(begun), user);
  expect(page).toContain("This page can be closed");
  return begun.ended;
}

describe("tulle login with a real provider", () => {
  it("signs in by a browser with PKCE, and leaves a kubeconfig that works until one signs out", async () => {
    const { code, stdout, stderr } = await byBrowser("eve", "-o", "kubeconfig");
    expect([code, stderr]).toEqual([0, expect.stringContaining(`signed in as ${provider.issuer}#eve: admin, for `)]);
    const file = write(folder, "mesh.kubeconfig", stdout);
    const listed = await tulle(folder, ["session", "list", "--kubeconfig", file]);
    expect(listed.stdout).toContain(`${provider.issuer}#eve`);
    const audit = await tulle(folder, ["audit", "--kubeconfig", file, "--verb", "sign-in"]);
    expect(audit.stdout).toContain("sign-in");
    expect((await tulle(folder, ["logout", "--kubeconfig", file])).stdout).toBe("signed out\n");
    const after = await tulle(folder, ["session", "list", "--kubeconfig", file]);
    expect([after.code, after.stderr]).toEqual([1, expect.stringContaining("wrong, expired or revoked")]);
  });

  it("gives what the groups of the ID token give, and nobody more", async () => {
    const ann = await byBrowser("ann");
    expect(ann.stderr).toContain(": viewer of namespace default, for ");
    const token = write(folder, "ann", ann.stdout);
    const denied = await tulle(folder, ["session", "list", "--server", server, "--token-file", token]);
    expect([denied.code, denied.stderr]).toEqual([1, expect.stringContaining("forbidden")]);
    const bob = await byBrowser("bob");
    expect([bob.code, bob.stdout, bob.stderr]).toEqual([1, "", expect.stringContaining("no rule in `signIn`")]);
  });

  it("signs in by a code on another machine", async () => {
    const begun = begin([...AT(), "--device"]);
    await provider.visit(await urlOf(begun), "eve");
    const { code, stdout, stderr } = await begun.ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining("#eve: admin")]);
    expect(stdout).toMatch(/^session_[\w-]{43}\n$/);
  });

  it("takes no answer that it did not ask for", async () => {
    const begun = begin(AT());
    const redirect = new URL(await urlOf(begun)).searchParams.get("redirect_uri") ?? "";
    expect((await fetch(new URL("/other", redirect))).status).toBe(404);
    await fetch(`${redirect}?code=stolen&state=forged&iss=${encodeURIComponent(provider.issuer)}`);
    const { code, stdout, stderr } = await begun.ended;
    expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining("did not sign you in")]);
  });

  it("says what to mend where there is no provider, no client, or nobody who signs in", async () => {
    const elsewhere = await begin(["--issuer", "http://127.0.0.1:9", "--client-id", "x"]).ended;
    expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringContaining("check --issuer")]);
    const nobody = await begin([...AT(), "--wait", "1s"]).ended;
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("nobody signed in within 1 s")]);
    const nothing = await begin([]).ended;
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining("--issuer and --client-id")]);
  });

  it("takes an ID token from a file, standard input or the environment, once", async () => {
    const begun = begin(["--id-token-file", write(folder, "bad", "x.y.z\n")]);
    expect((await begun.ended).stderr).toContain("no signed JWT");
    const other = await tulle(folder, ["login", "--server", server], { env: { TULLE_ID_TOKEN: "x.y.z" } });
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining("no signed JWT")]);
    const piped = await tulle(folder, ["login", "--server", server, "--id-token-file", "-"], { stdin: "x.y.z\n" });
    expect([piped.code, piped.stderr]).toEqual([1, expect.stringContaining("no signed JWT")]);
  });
});
