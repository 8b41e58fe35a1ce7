import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EdgeAuthority } from "../../edge/certificates.ts";
import { kubeconfig } from "../../src/kube/kubeconfig.ts";
import { type FakeControl, refused, startFakeControl } from "./fake-control.ts";
import { folderFor, TOKEN, tulle, write } from "./tulle.ts";

const STATUS = { generation: 7, resourceVersion: "9", gateways: [] };

let state: string;
let folder: string;
let secure: FakeControl;
let plain: FakeControl;
let ca: string;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "tulle-cli-ca-"));
  const authority = await EdgeAuthority.open(state, join(state, "ca.pem"));
  ca = readFileSync(join(state, "ca.pem"), "utf8");
  secure = await startFakeControl(await authority.certificate(["127.0.0.1"]));
  plain = await startFakeControl();
  folder = folderFor(plain.url);
});

afterAll(async () => {
  await Promise.all([secure.close(), plain.close()]);
  for (const made of [state, folder]) rmSync(made, { recursive: true });
});

beforeEach(() => {
  for (const control of [secure, plain]) {
    control.asked.length = 0;
    control.routes = { "GET /api/v1/status": () => ({ body: STATUS }) };
  }
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function config(facts: Partial<Parameters<typeof kubeconfig>[0]>): string {
  return kubeconfig({ server: secure.url, ca: base64(ca), user: "u", token: "t", namespace: "default", ...facts });
}

/** As people write it, with two contexts and files beside it. */
function yamlConfig(): string {
  return `apiVersion: v1
kind: Config
current-context: other
clusters:
- { name: mesh, cluster: { server: "${secure.url}/k8s", certificate-authority: authority.pem } }
- { name: other, cluster: { server: "https://10.0.0.1:6443" } }
users:
- { name: ci, user: { tokenFile: secret } }
contexts:
- { name: mesh, context: { cluster: mesh, user: ci, namespace: shop } }
- { name: other, context: { cluster: other, user: ci } }
`;
}

function bearers(control: FakeControl): readonly (string | undefined)[] {
  return control.asked.map(({ headers }) => headers.authorization);
}

describe("whom it talks to", () => {
  it("is by default what `npm start` wrote in this folder", async () => {
    const { code, stdout, stderr } = await tulle(folder, ["status"]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "mesh generation 7\n",
      stderr: "no gateway has registered yet\n",
    });
    expect(bearers(plain)).toEqual([`Bearer ${TOKEN}`]);
  });

  it("is the file of --kubeconfig before TULLE_KUBECONFIG, and that before KUBECONFIG", async () => {
    const named = write(folder, "named", config({ token: "named" }));
    const own = write(folder, "own", config({ token: "own" }));
    const kube = write(folder, "kube", config({ token: "kube" }));
    const both = { TULLE_KUBECONFIG: own, KUBECONFIG: kube };
    expect((await tulle(folder, ["status", "--kubeconfig", named], { env: both })).code).toBe(0);
    expect((await tulle(folder, ["status"], { env: both })).code).toBe(0);
    expect((await tulle(folder, ["status"], { env: { KUBECONFIG: `missing:${kube}:${own}` } })).code).toBe(0);
    expect(bearers(secure)).toEqual(["Bearer named", "Bearer own", "Bearer kube"]);
  });

  it("is a context of YAML with its files beside it", async () => {
    const file = write(folder, "sub/config.yaml", yamlConfig());
    write(folder, "sub/authority.pem", ca);
    write(folder, "sub/secret", "from-file\n");
    const { code } = await tulle(folder, ["status", "--context", "mesh", "--kubeconfig", file]);
    expect(code).toBe(0);
    expect(bearers(secure)).toEqual(["Bearer from-file"]);
  });

  it("is --server with its files, with or without /k8s", async () => {
    const trust = write(folder, "ca.pem", ca);
    const secret = write(folder, "token", "from-option\n");
    for (const server of [secure.url, `${secure.url}/`, `${secure.url}/k8s`]) {
      const args = ["--server", server, "--ca-file", trust, "--token-file", secret, "status"];
      expect((await tulle(folder, args)).code).toBe(0);
    }
    expect(secure.asked.map(({ path }) => path)).toEqual(Array(3).fill("/api/v1/status"));
    expect(bearers(secure)).toEqual(Array(3).fill("Bearer from-option"));
  });

  it("is not verified where the kubeconfig says so", async () => {
    const file = write(folder, "insecure", config({ ca: null, insecure: true }));
    expect((await tulle(folder, ["status", "--kubeconfig", file])).code).toBe(0);
  });
});

describe("what it says when it cannot talk", () => {
  it.each([
    { name: "no file", args: ["--kubeconfig", "missing"], says: "there is no file `missing`", code: 1 },
    { name: "no kubeconfig", text: "- 1", says: "is no kubeconfig", code: 1 },
    { name: "text", text: "", says: "is no kubeconfig: Invalid input", code: 1 },
    { name: "no YAML", text: "a: [", says: "is no kubeconfig", code: 1 },
    { name: "no current context", text: "kind: Config", says: "give --context", code: 1 },
    {
      name: "another context",
      text: "MESH",
      args: ["--context", "x"],
      says: "no context `x`; there is `mesh`, `other`",
      code: 1,
    },
    { name: "another kind of cluster", text: "MESH", says: "does not end in /k8s", code: 1 },
    {
      name: "a missing file of the kubeconfig",
      text: "MESH",
      args: ["--context", "mesh"],
      says: "authority.pem`",
      code: 1,
    },
    { name: "an odd URL", args: ["--server", "control"], says: "`control` is no URL", code: 2 },
    { name: "clear text over the network", args: ["--server", "http://mesh.example"], says: "use https", code: 2 },
    {
      name: "two of them",
      args: ["--server", "https://a.example", "--context", "b"],
      says: "cannot be used with",
      code: 2,
    },
    { name: "no token", args: ["--server", "http://127.0.0.1:1"], says: "give --token-file", code: 1 },
  ])("$name", async ({ text, args = [], says, code }) => {
    const file =
      text === undefined ? [] : ["--kubeconfig", write(folder, "odd/config", text === "MESH" ? yamlConfig() : text)];
    const ended = await tulle(folder, ["status", ...file, ...args]);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(says);
  });

  it.each([
    { name: "one of another mesh", text: "other\n", says: "control does not know the token of `wrong-token`" },
    { name: "a kubeconfig", text: yamlConfig, says: "`wrong-token` holds no token" },
    { name: "an empty file", text: "\n", says: "`wrong-token` holds no token" },
    { name: "no file", text: null, says: "--token-file: there is no file `wrong-token`" },
  ])("a wrong --token-file is named, and not the kubeconfig: $name", async ({ text, says }) => {
    plain.routes = { "GET /api/v1/status": () => refused("Unauthorized", "Unauthorized") };
    if (text === null) rmSync(join(folder, "wrong-token"), { force: true });
    else write(folder, "wrong-token", typeof text === "string" ? text : text());
    const { code, stderr } = await tulle(folder, ["status", "--token-file", "wrong-token"]);
    expect(code).toBe(1);
    expect(stderr).toContain(says);
    expect(stderr).not.toContain(".tulle/kubeconfig");
  });

  it("no mesh was started here", async () => {
    const { code, stderr } = await tulle(state, ["status"]);
    expect(code).toBe(1);
    expect(stderr).toContain("npm start");
  });

  it("nothing listens", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
    await new Promise((resolve) => {
      server.close(resolve);
    });
    const file = write(folder, "gone", config({ server: `https://127.0.0.1:${port}` }));
    const { code, stderr } = await tulle(folder, ["status", "--kubeconfig", file]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: nothing listens at 127.0.0.1:${port}; is \`tulle dev\` running, and is that the port it printed? (from \`${file}\`)\n`,
    );
  });

  it("a certificate of another authority, and one for another name", async () => {
    const unknown = write(folder, "unknown", config({ ca: null }));
    const first = await tulle(folder, ["status", "--kubeconfig", unknown]);
    expect(first.code).toBe(1);
    expect(first.stderr).toContain("an authority that is not trusted; give its certificate with --ca-file");
    const misnamed = write(folder, "misnamed", config({ server: secure.url.replace("127.0.0.1", "localhost") }));
    const second = await tulle(folder, ["status", "--kubeconfig", misnamed]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("is for another name");
    expect(secure.asked).toEqual([]);
  });

  it("https on a port for http, and the other way round", async () => {
    const https = write(folder, "https", config({ server: plain.url.replace("http:", "https:") }));
    expect((await tulle(folder, ["status", "--kubeconfig", https])).stderr).toContain("does not speak TLS");
    const http = write(folder, "http", config({ server: secure.url.replace("https:", "http:") }));
    expect((await tulle(folder, ["status", "--kubeconfig", http])).stderr).toContain("is it the port for http?");
  });

  it("no answer in time, or a connection that breaks", async () => {
    plain.routes = { "GET /api/v1/status": async () => new Promise(() => undefined) };
    const late = await tulle(folder, ["status", "--timeout", "100ms"]);
    expect(late).toMatchObject({ code: 1, stdout: "" });
    expect(late.stderr).toContain("did not answer within 0.1 s");
    plain.routes = { "GET /api/v1/status": () => null };
    const broken = await tulle(folder, ["status"]);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain("closed the connection without an answer");
  });

  it.each([
    {
      name: "401",
      answer: refused("Unauthorized", "Unauthorized"),
      says: "`tulle dev` writes, or have an administrator run `tulle token create`",
    },
    {
      name: "403",
      answer: refused("Forbidden", 'User "ci" is no administrator'),
      says: 'error: forbidden: User "ci" is no administrator',
    },
    {
      name: "503",
      answer: refused("ServiceUnavailable", "control is away: start it"),
      says: "control is not available: control is away: start it",
    },
    {
      name: "500",
      answer: refused("InternalError", "an internal error occurred"),
      says: "error: an internal error occurred",
    },
    { name: "another server", answer: { status: 404, body: "<html>" }, says: "is it the server of a mesh?" },
    { name: "another version", answer: { body: { generation: "7" } }, says: "use the `tulle` of control's version" },
    { name: "no JSON", answer: { body: "ok" }, says: "what this version does not read" },
  ])("an answer that is refused: $name", async ({ answer, says }) => {
    plain.routes = { "GET /api/v1/status": () => answer };
    const ended = await tulle(folder, ["status"]);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).not.toContain(TOKEN);
  });

  it("keeps control characters of an answer from the terminal", async () => {
    plain.routes = { "GET /api/v1/status": () => refused("BadRequest", "a\u001b[2Jb") };
    expect((await tulle(folder, ["status"])).stderr).toBe("error: a\\x1b[2Jb\n");
  });
});
