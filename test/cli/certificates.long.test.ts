import "reflect-metadata";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Asked, type FakeControl, refused, startFakeControl } from "./fake-control.ts";
import { folderFor, TOKEN, tulle, write } from "./tulle.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const JOIN_TOKEN = "join_secret-of-the-test";

let control: FakeControl;
let folder: string;
let keys: CryptoKeyPair;
let bundle: string;

beforeAll(async () => {
  x509.cryptoProvider.set(crypto);
  keys = (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
  const life = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) };
  const name = "CN=Authority, O=mesh";
  const ca = await x509.X509CertificateGenerator.createSelfSigned({ name, keys, signingAlgorithm: ALGORITHM, ...life });
  bundle = `${ca.toString("pem")}\n`;
  control = await startFakeControl();
});
afterAll(async () => control.close());

beforeEach(() => {
  folder = folderFor(control.url, "team");
  control.asked.length = 0;
  control.routes = {
    "POST /api/v1/join-tokens": () => ({ status: 201, body: { token: JOIN_TOKEN, spiffeId: "", expiresAt: 0 } }),
    "POST /api/v1/enrol": enrolled,
    "GET /api/v1/bundle": () => ({ body: bundle }),
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

let spiffeId = "spiffe://mesh/ns/team/sa/web";

async function issue(publicKey: x509.PublicKey, notAfter: number, id: string | null = spiffeId): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "4a01",
    subject: "",
    issuer: "CN=Authority, O=mesh",
    notBefore: new Date(Date.now() - 7_200_000),
    notAfter: new Date(notAfter),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey: keys.privateKey,
    extensions: id === null ? [] : [new x509.SubjectAlternativeNameExtension([{ type: "url", value: id }], true)],
  });
  return `${certificate.toString("pem")}\n`;
}

/** As the mesh's authority: what the request asks for beside its key does not count. */
async function enrolled({ body }: Asked) {
  const { csr, ttlSeconds } = JSON.parse(body) as { csr: string; ttlSeconds: number };
  const request = new x509.Pkcs10CertificateRequest(csr);
  if (!(await request.verify())) return refused("Invalid", "the request is not signed by its key");
  const expiresAt = Date.now() + ttlSeconds * 1_000;
  const certificate = await issue(request.publicKey, expiresAt);
  return { status: 201, body: { certificate, bundle, spiffeId, expiresAt } };
}

const bearers = () => control.asked.map(({ path, headers }) => [path.slice("/api/v1/".length), headers.authorization]);

describe("tulle cert enrol", () => {
  it("writes a key for its owner alone, its certificate and the bundle", async () => {
    const { code, stdout, stderr } = await tulle(folder, ["cert", "enrol", "--service-account", "web", "--out", "a/b"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^spiffe id {5}spiffe:\/\/mesh\/ns\/team\/sa\/web\nexpires {7}\S+Z \(in (1h|59m\d+s)\)\n/);
    expect(stdout).toContain("key           a/b/web.key\ncertificate   a/b/web.pem\nca            a/b/ca.pem\n");
    const out = join(folder, "a/b");
    expect(readdirSync(out).sort()).toEqual(["ca.pem", "web.key", "web.pem"]);
    expect(statSync(join(out, "web.key")).mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(readFileSync(join(out, "web.pem")));
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(join(out, "web.key"))))).toBe(true);
    expect(readFileSync(join(out, "ca.pem"), "utf8")).toBe(bundle);
    expect(JSON.parse(control.asked[0]?.body ?? "")).toEqual({ namespace: "team", serviceAccount: "web" });
    expect(JSON.parse(control.asked[1]?.body ?? "")).toMatchObject({ ttlSeconds: 3_600 });
    expect(bearers()).toEqual([
      ["join-tokens", `Bearer ${TOKEN}`],
      ["enrol", `Bearer ${JOIN_TOKEN}`],
      ["bundle", undefined],
    ]);
  });

  it("renews over what is there, beside the kubeconfig where no folder is named, and prints JSON", async () => {
    const certs = join(folder, ".tulle/certs");
    write(certs, "web.key", "old");
    write(certs, "web.pem.new", "left by a crash");
    const { code, stdout } = await tulle(folder, [
      "cert",
      "enrol",
      "--service-account",
      "web",
      "--ttl",
      "24h",
      "-o",
      "json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ spiffeId, files: { key: ".tulle/certs/web.key" } });
    expect(statSync(join(certs, "web.key")).mode & 0o777).toBe(0o600);
    expect(readdirSync(certs).sort()).toEqual(["ca.pem", "web.key", "web.pem"]);
    expect(readdirSync(folder)).toEqual([".tulle"]);
  });

  it("needs no token of an administrator with a join token, given or on stdin", async () => {
    const args = ["--server", control.url, "cert", "enrol", "--service-account", "web", "--join-token"];
    expect((await tulle(folder, [...args, "join_given"])).code).toBe(0);
    expect((await tulle(folder, [...args, "-"], { stdin: "join_piped\n" })).code).toBe(0);
    const enrolments = bearers().filter(([path]) => path === "enrol");
    expect(enrolments.map(([, bearer]) => bearer)).toEqual(["Bearer join_given", "Bearer join_piped"]);
    expect(bearers().some(([path]) => path === "join-tokens")).toBe(false);
  });

  it.each([
    { name: "no service account", args: [], says: "required option `--service-account <name>`" },
    { name: "a path", args: ["--service-account", "../web"], says: "lower-case letters" },
    { name: "the bundle's name", args: ["--service-account", "ca"], says: "would overwrite the bundle" },
    { name: "a long life", args: ["--service-account", "web", "--ttl", "25h"], says: "Give 1s to 24h" },
    { name: "no join token", args: ["--service-account", "web", "--join-token", "-"], says: "one line without spaces" },
  ])("refuses $name", async ({ args, says }) => {
    const ended = await tulle(folder, ["cert", "enrol", ...args]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(control.asked).toEqual([]);
  });

  it.each([
    {
      name: "a used join token, in control's words",
      routes: { "POST /api/v1/enrol": () => refused("Unauthorized", "the join token is unknown, used or expired") },
      says: "error: the join token is unknown, used or expired\n",
    },
    {
      name: "no administrator",
      routes: { "POST /api/v1/join-tokens": () => refused("Forbidden", 'User "ci" is no administrator') },
      says: 'forbidden: User "ci" is no administrator',
    },
    {
      name: "no bundle",
      routes: { "GET /api/v1/bundle": () => refused("ServiceUnavailable", "away") },
      says: "control answered 503 for the mesh's bundle",
    },
    {
      name: "a certificate for another key",
      routes: {
        "POST /api/v1/enrol": async () => {
          const certificate = await issue(await x509.PublicKey.create(keys.publicKey), Date.now() + 60_000);
          return { status: 201, body: { certificate, bundle, spiffeId, expiresAt: 0 } };
        },
      },
      says: "a certificate for another key",
    },
    {
      name: "another workload's join token",
      account: "cart",
      routes: {},
      says: "the join token is for `spiffe://mesh/ns/team/sa/web`",
    },
    { name: "a file where a folder should be", out: ".tulle/kubeconfig", routes: {}, says: "is no folder" },
  ])("writes nothing after $name", async ({ account = "web", out = "out", routes, says }) => {
    control.routes = { ...control.routes, ...routes };
    const ended = await tulle(folder, ["cert", "enrol", "--service-account", account, "--out", out]);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toContain(says);
    expect(ended.stderr).not.toContain(JOIN_TOKEN);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });
});

describe("tulle cert show", () => {
  it("tells what a certificate says", async () => {
    const pem = await issue(await x509.PublicKey.create(keys.publicKey), Date.now() + 3_600_000);
    write(folder, "web.pem", pem);
    const { code, stdout, stderr } = await tulle(folder, ["cert", "show", "web.pem"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { fingerprint256 } = new X509Certificate(pem);
    expect(stdout.replace(/\S+Z to \S+Z/, "A to B").replace(/59m\d+s/, "59m")).toBe(
      `spiffe id   spiffe://mesh/ns/team/sa/web\nserial      4a01\nvalidity    A to B (59m left)\nissuer      CN=Authority, O=mesh\nkey         EC P-256\nsha-256     ${fingerprint256}\n`,
    );
  });

  it("ends with 1 for one that has expired; reads stdin, prints JSON", async () => {
    const stdin = await issue(await x509.PublicKey.create(keys.publicKey), Date.now() - 3_600_000);
    const text = await tulle(folder, ["cert", "show", "-"], { stdin });
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/expired 1h(\d+s)? ago/);
    const json = await tulle(folder, ["cert", "show", "-", "-o", "json"], { stdin });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ spiffeId, serial: "4a01", isExpired: true });
  });

  it("says where there is no identity, and where there is no certificate", async () => {
    expect((await tulle(folder, ["cert", "show", "-"], { stdin: bundle })).stdout).toContain("spiffe id   none\n");
    const odd = await tulle(folder, ["cert", "show", "-"], { stdin: "x" });
    expect(odd).toEqual({ code: 1, stdout: "", stderr: "error: `stdin` holds no certificate, in PEM or DER\n" });
    const missing = await tulle(folder, ["cert", "show", "missing.pem"]);
    expect(missing).toEqual({ code: 1, stdout: "", stderr: "error: there is no file `missing.pem`\n" });
  });
});
