import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserSessionStore } from "../../workers/control/db/browser-sessions.ts";
import { EventReader } from "../support/server-events.ts";
import { WatchStream } from "../support/watch.ts";
import { type Json, RunningControl } from "./running.ts";

let control: RunningControl;
beforeAll(async () => {
  control = await RunningControl.start();
});
afterAll(() => control.stop());

const HERE = "http://localhost";
const ORIGIN = { origin: HERE, "sec-fetch-site": "same-origin" };
const JSON_TYPE = { "content-type": "application/json" };

async function code(token?: string): Promise<string> {
  const made = await control.call("POST", "/api/v1/sign-in-codes", undefined, token === undefined ? {} : { token });
  expect([made.status, made.headers.get("cache-control")]).toEqual([201, "no-store"]);
  return String(made.json["code"]);
}

async function enter(credential: object, headers: Record<string, string> = {}): Promise<Response> {
  return control.at(HERE, "POST", "/ui/session", { ...ORIGIN, ...JSON_TYPE, ...headers }, JSON.stringify(credential));
}

/** What the cookie holds. */
const heldBy = (cookie: string): string => cookie.slice(cookie.indexOf("=") + 1);

/** The Cookie header that a browser would send after this answer. */
function cookieOf(answer: Response): string {
  return (answer.headers.get("set-cookie") ?? "").split(";", 1).join("");
}

async function signedIn(token?: string): Promise<string> {
  const answer = await enter({ code: await code(token) });
  expect(answer.status).toBe(201);
  return cookieOf(answer);
}

async function made(more: object): Promise<{ readonly id: string; readonly token: string }> {
  const { json } = await control.call("POST", "/api/v1/tokens", { name: "some", role: "viewer", ...more });
  return { id: String(json["id"]), token: String(json["token"]) };
}

async function statusOf(method: string, path: string, headers: Record<string, string>, body?: string) {
  return (await control.at(HERE, method, path, headers, body)).status;
}

describe("a sign-in code", () => {
  it("makes one session, whose cookie no script reads and no other site sends", async () => {
    const once = await code();
    const first = await enter({ code: once });
    expect(first.status).toBe(201);
    expect(await first.json()).toMatchObject({ name: "admin", role: "admin", namespace: null });
    expect(first.headers.get("set-cookie")).toMatch(
      /^tulle-session=browser_[\w-]{43}; Path=\/ui\/; HttpOnly; SameSite=Strict$/,
    );
    const again = await enter({ code: once });
    expect([again.status, again.headers.get("set-cookie")]).toEqual([401, null]);
  });

  it("makes one of two that come together", async () => {
    const once = await code();
    const both = await Promise.all([enter({ code: once }), enter({ code: once })]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401]);
  });

  it("holds a minute, and its session 8 hours, by the clock of whoever asks", async () => {
    const store = browserSessionStore(await control.database());
    const by = { actor: "test", account: null };
    const { code: late } = await store.createCode("x", 1_000, by);
    expect(await store.exchange(late, 61_000)).toBeNull();
    const { code: good } = await store.createCode("x", 1_000, by);
    const session = await store.exchange(good, 60_999);
    expect(session).toMatchObject({ account: "x" });
    const { token = "" } = session ?? {};
    expect(await store.find(token, 60_999 + 8 * 3_600_000 - 1)).toMatchObject({ account: "x" });
    expect(await store.find(token, 60_999 + 8 * 3_600_000)).toBeNull();
  });

  it("is kept as its hash alone, as its session is", async () => {
    const once = await code();
    const hash = createHash("sha256").update(once).digest("hex");
    const [row] = await control.sql(`SELECT * FROM browser_sessions WHERE code_hash = '${hash}'`);
    expect(row).toMatchObject({ hash: null });
    const cookie = cookieOf(await enter({ code: once })).replace(/^.*=/, "");
    const dump = await control.dump();
    expect([dump.includes(once), dump.includes(cookie)]).toEqual([false, false]);
  });

  it("is in the audit with what came of it, as what was refused is", async () => {
    await enter({ code: "code_nonsense" });
    const { json } = await control.call("GET", "/api/v1/audit?limit=200");
    const verbs = new Set((json["entries"] as unknown as { verb: string }[]).map(({ verb }) => verb));
    for (const verb of ["create-code", "sign-in", "refuse-sign-in"]) expect(verbs).toContain(verb);
  });
});

describe("a browser's session", () => {
  it("has the rights of the token that it was made with, and no more", async () => {
    const { token } = await made({ role: "viewer", namespace: "default" });
    const cookie = await signedIn(token);
    const rules = "/ui/k8s/apis/networking.istio.io/v1/namespaces";
    const status = async (path: string) => statusOf("GET", path, { cookie });
    expect(await status(`${rules}/default/destinationrules`)).toBe(200);
    expect(await status(`${rules}/other/destinationrules`)).toBe(403);
    expect(await status("/ui/api/v1/revisions")).toBe(403);
    const write = await control.at(
      HERE,
      "POST",
      "/ui/api/v1/rollback",
      { ...ORIGIN, ...JSON_TYPE, cookie },
      '{"generation":1}',
    );
    expect(write.status).toBe(403);
  });

  it("ends with that token", async () => {
    const { id, token } = await made({ role: "admin" });
    const cookie = await signedIn(token);
    expect(await statusOf("GET", "/ui/api/v1/status", { cookie })).toBe(200);
    expect((await control.call("DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
    expect(await statusOf("GET", "/ui/api/v1/status", { cookie })).toBe(401);
    expect(await statusOf("GET", "/ui/session", { cookie })).toBe(401);
  });

  it("ends when somebody signs out, also where the cookie is kept", async () => {
    const cookie = await signedIn();
    const out = await control.at(HERE, "DELETE", "/ui/session", { ...ORIGIN, cookie });
    expect([out.status, out.headers.get("set-cookie")]).toEqual([
      204,
      expect.stringMatching(/^tulle-session=; Max-Age=0; Path=\/ui\//),
    ]);
    expect(await statusOf("GET", "/ui/api/v1/status", { cookie })).toBe(401);
  });

  it("takes the tails that it has open with it, and no other session's", async () => {
    const [gone, stays] = [await signedIn(), await signedIn()];
    const tail = async (cookie: string) =>
      EventReader.open(new URL("/ui/api/v1/tail", await control.url()), { cookie });
    const [theirs, mine] = [await tail(gone), await tail(stays)];
    await control.at(HERE, "DELETE", "/ui/session", { ...ORIGIN, cookie: gone });
    await theirs.end();
    await mine.wait("ready");
    await mine.close();
  });

  it("takes the watches that it has open with it, and no other session's", async () => {
    const [gone, stays] = [await signedIn(), await signedIn()];
    const path =
      "/ui/k8s/apis/networking.istio.io/v1/virtualservices?watch=true&resourceVersion=0&allowWatchBookmarks=true";
    const watch = async (cookie: string) => new WatchStream(await control.at(HERE, "GET", path, { cookie }));
    const [theirs, mine] = [await watch(gone), await watch(stays)];
    expect([theirs.response.status, mine.response.status]).toEqual([200, 200]);
    await control.at(HERE, "DELETE", "/ui/session", { ...ORIGIN, cookie: gone });
    await theirs.rest();
    const route = { hosts: ["x.test"], http: [{ directResponse: { status: 204 } }] };
    const object = { apiVersion: "networking.istio.io/v1", kind: "VirtualService", spec: route };
    await control.apply(JSON.stringify({ ...object, metadata: { name: "seen-on", namespace: "default" } }));
    expect((await mine.next()).object.metadata.name).toBe("seen-on");
    await mine.close();
  });

  it("is made by a pasted token as well, and never is that token", async () => {
    const { token } = await made({ role: "viewer" });
    const answer = await enter({ token });
    expect([answer.status, cookieOf(answer).includes(token)]).toEqual([201, false]);
    expect((await enter({ token: `${token}x` })).status).toBe(401);
    expect((await enter({ token: "tulle_" })).status).toBe(401);
    expect((await enter({ token: "no.such.jwt" })).status).toBe(401);
    expect((await enter({})).status).toBe(401);
    expect((await enter({ other: 1 })).status).toBe(400);
    for (const cookie of [`tulle-session=${token}`, `__Host-tulle-session=${token}`])
      expect(await statusOf("GET", "/ui/api/v1/status", { cookie })).toBe(401);
  });

  it("is not replaced by somebody else's link, unless who reads it saw whose and wants it", async () => {
    const other = await made({ name: "mallory", role: "viewer", namespace: "default" });
    const [mine, theirs] = [await signedIn(), await code(other.token)];
    const offered = await enter({ code: theirs }, { cookie: mine });
    expect([offered.status, offered.headers.get("set-cookie")]).toEqual([409, null]);
    const told = (await offered.json()) as Json;
    expect(told["message"]).toContain(
      "signs you in as mallory, viewer of default, and you are admin, admin of the mesh",
    );
    expect(told).toMatchObject({ offered: { name: "mallory", namespace: "default" }, before: { role: "admin" } });
    expect(await statusOf("GET", "/ui/api/v1/revisions", { cookie: mine })).toBe(200);
    const taken = await enter({ code: theirs, replace: true }, { cookie: mine });
    expect([taken.status, await taken.json()]).toEqual([201, expect.objectContaining({ name: "mallory" })]);
    // The cookie that went ends with its session.
    expect(await statusOf("GET", "/ui/session", { cookie: mine })).toBe(401);
    const again = await enter({ code: await code(other.token) }, { cookie: cookieOf(taken) });
    expect(again.status).toBe(201);
    expect((await enter({ code: theirs }, { cookie: cookieOf(again) })).status).toBe(401);
  });

  it("ends where its browser signs in anew by a pasted token, with the tails that it has open; a token that is unknown ends none", async () => {
    const [cookie, { token }] = [await signedIn(), await made({ role: "viewer" })];
    const tail = await EventReader.open(new URL("/ui/api/v1/tail", await control.url()), { cookie });
    for (const unknown of [`${token}x`, "no.such.jwt", heldBy(cookie)])
      expect((await enter({ token: unknown }, { cookie })).status).toBe(401);
    expect(await statusOf("GET", "/ui/session", { cookie })).toBe(200);
    const anew = await enter({ token }, { cookie });
    expect([anew.status, await anew.json()]).toEqual([201, expect.objectContaining({ role: "viewer" })]);
    expect(await statusOf("GET", "/ui/session", { cookie })).toBe(401);
    await tail.end();
    expect(await statusOf("GET", "/ui/session", { cookie: cookieOf(anew) })).toBe(200);
  });

  it("makes no other session: none would ever end", async () => {
    const cookie = await signedIn();
    const more = await control.at(HERE, "POST", "/ui/api/v1/sign-in-codes", { ...ORIGIN, ...JSON_TYPE, cookie }, "{}");
    expect(more.status).toBe(403);
    expect((await enter({ token: heldBy(cookie) })).status).toBe(401);
  });

  it("counts below /ui/ alone: the API knows no cookie", async () => {
    const cookie = await signedIn();
    expect(await statusOf("GET", "/api/v1/status", { cookie })).toBe(401);
    expect(await statusOf("GET", "/ui/api/v1/status", { cookie: cookie.replace("tulle-session", "session") })).toBe(
      401,
    );
  });

  it.each([
    { name: "another origin", headers: { origin: "http://127.0.0.1" }, want: 403 },
    { name: "another port of the host", headers: { origin: "http://localhost:9080" }, want: 403 },
    { name: "another page of the site", headers: { "sec-fetch-site": "same-site" }, want: 403 },
    { name: "another site", headers: { "sec-fetch-site": "cross-site" }, want: 403 },
    { name: "a form", headers: { "content-type": "text/plain" }, want: 415 },
    { name: "a form of parts", headers: { "content-type": "multipart/form-data; boundary=x" }, want: 415 },
    { name: "the dashboard itself", headers: {}, want: 200 },
  ])("writes for $name: $want", async ({ headers, want }) => {
    const cookie = await signedIn();
    const sent = { ...ORIGIN, ...JSON_TYPE, cookie, ...headers };
    const answer = await control.at(HERE, "POST", "/ui/api/v1/rollback?dryRun=All", sent, '{"generation":1}');
    expect(answer.status).toBe(want);
    if (want !== 200) expect(await answer.json()).toMatchObject({ kind: "Status", code: want });
    if (want === 403)
      expect(await statusOf("POST", "/ui/session", { ...sent, cookie: "" }, '{"code":"code_x"}')).toBe(403);
  });

  it("writes nothing where no Origin says for whom", async () => {
    const sent = { ...JSON_TYPE, cookie: await signedIn() };
    expect(await statusOf("POST", "/ui/api/v1/rollback?dryRun=All", sent, '{"generation":1}')).toBe(403);
  });

  it("over https has a cookie that no other host or port sets", async () => {
    const headers = { ...ORIGIN, ...JSON_TYPE, origin: "https://localhost" };
    const body = JSON.stringify({ code: await code() });
    const worker = await control.at("https://localhost", "POST", "/ui/session", headers, body);
    expect(worker.headers.get("set-cookie")).toMatch(
      /^__Host-tulle-session=browser_[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
  });
});

describe("the dashboard's files", () => {
  it("are sent with a policy that runs nothing else and stands in no frame", async () => {
    for (const path of ["/ui/", "/ui/main.js", "/ui/layout.js", "/ui/style.css"]) {
      const answer = await control.at(HERE, "GET", path, {});
      expect([path, answer.status]).toEqual([path, 200]);
      const policy = answer.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("require-trusted-types-for 'script'");
      expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect(await statusOf("GET", "/ui/none.js", {})).toBe(401);
    expect(await statusOf("GET", "/ui", {})).toBe(308);
  });

  it("are not sent again where the browser has them", async () => {
    const etag = (await control.at(HERE, "GET", "/ui/main.js", {})).headers.get("etag") ?? "";
    expect(await statusOf("GET", "/ui/main.js", { "if-none-match": etag })).toBe(304);
  });

  it("name no other host, and make no markup of texts", async () => {
    const { dashboardFiles } = await import("../../project/dashboard-files.ts");
    const files = Object.entries(dashboardFiles()?.files ?? {});
    expect(files.length).toBeGreaterThan(5);
    for (const [name, text] of files) {
      const urls = [...text.matchAll(/https?:\/\/[\w.-]+/g)].map(([url]) => url);
      // Namespaces of XML and the page's example of a request, which nobody fetches.
      const fetched = urls.filter((url) => url !== "http://www.w3.org" && url !== "http://reviews");
      expect([name, fetched]).toEqual([name, []]);
      if (/ (src|href)="(?!\/ui\/)/.test(text)) expect([name, text]).toEqual([name, "only its own files"]);
    }
  });
});
