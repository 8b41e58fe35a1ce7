import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { readChildren, readElement } from "../../src/identity/der.ts";
import { controlApi } from "../../workers/control/api.ts";
import type { Env } from "../../workers/control/env.ts";
import { certificateRequest } from "../support/csr.ts";
import { requestDigest, svidProof } from "../support/svid-proof.ts";
import { TestAuthority } from "../identity/svids.ts";
import { until } from "../support/until.ts";
import {
  type Answer,
  compressed,
  enrol,
  extensionsOf,
  joinToken,
  leafOf,
  p256,
  type Pair,
  pem,
  requestOf,
  WISHES,
} from "./ca-requests.ts";
import { rotatesRoot } from "./ca-rotation-check.ts";
import { bearer, type ControlWorld, POLICIES } from "./control-world.ts";
import type { AttackCase } from "./corpus.ts";
import { demand, demandEqual, NotCovered } from "./outcome.ts";

/** Tries what the words say, and gives the answers that the case's conditions are about. */
type CaCheck = (cases: ControlWorld, attack: AttackCase) => Promise<readonly Answer[]>;

const rsa = (modulusLength: number, publicExponent = 65_537): Pair =>
  generateKeyPairSync("rsa", { modulusLength, publicExponent });

/** PEM, or how the base64 of PKCS#8 begins for P-256 and for Ed25519. */
const PRIVATE_KEY = /PRIVATE KEY|MIGHAgEAMBMGByqGSM49AgEG|MC4CAQAwBQYDK2Vw/;

const CHECKS: ReadonlyMap<string, CaCheck> = new Map<string, CaCheck>([
  [
    "token for spiffe://mesh.example/ns/prod/sa/web; CSR SAN .../sa/ops",
    async (cases) => {
      const own = "spiffe://mesh.example/ns/prod/sa/web";
      const leaf = leafOf(await enrol(cases.control, requestOf(p256(), [own])));
      demandEqual("the name", leaf.subjectAltName, `URI:${own}`, "");
      demandEqual("the rest", [leaf.subject ?? "", leaf.ca], ["", false], "");
      const asked = [
        [own.replace("web", "ops")],
        [own, own.replace("web", "ops")],
        ["spiffe://other.example/ns/prod/sa/web"],
      ];
      const answers = await Promise.all(asked.map(async (uris) => enrol(cases.control, requestOf(p256(), uris))));
      // What a request asks for is ignored or refused: no certificate has another name than the token's (R28).
      for (const answer of answers)
        if ("certificate" in answer.json) demandEqual("the name", leafOf(answer).subjectAltName, `URI:${own}`, "");
      return answers.filter(({ json }) => !("certificate" in json));
    },
  ],
  [
    "notAfter wish or ttl=1000000h",
    async (cases, { must }) => {
      const answers = [];
      for (const ttlSeconds of [86_401, 3_600_000_000, Number.MAX_SAFE_INTEGER])
        answers.push(await enrol(cases.control, requestOf(p256()), { ttlSeconds }));
      for (const { json } of answers) demand(!("certificate" in json), "more than a day", JSON.stringify(must));
      const [longest, usual] = [
        await enrol(cases.control, requestOf(p256()), { ttlSeconds: 86_400 }),
        await enrol(cases.control, requestOf(p256())),
      ];
      const ca = new X509Certificate(String(longest.json["bundle"]));
      for (const [answer, most] of [
        [longest, 86_400_000],
        [usual, 3_600_000],
      ] as const) {
        const ends = Date.parse(leafOf(answer).validTo);
        demand(ends <= Date.now() + most && ends <= Date.parse(ca.validTo), "it lives too long", String(ends));
      }
      return [];
    },
  ],
  [
    "RSA 1024, RSA e=3, P-192, the known Debian and ROCA keys, Ed448",
    async (cases) => {
      const curve = (namedCurve: string): Pair => generateKeyPairSync("ec", { namedCurve });
      for (const make of [p256, () => curve("P-384"), () => generateKeyPairSync("ed25519"), () => rsa(2_048)])
        leafOf(await enrol(cases.control, requestOf(make())));
      const weak: readonly (() => Pair)[] = [
        () => rsa(512),
        () => rsa(1_024),
        () => rsa(2_048, 3),
        () => rsa(2_048, 17),
        ...["prime192v1", "P-224", "secp256k1", "P-521"].map((name) => () => curve(name)),
        () => generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" }),
        () => generateKeyPairSync("dsa", { modulusLength: 2_048, divisorLength: 256 }),
        () => generateKeyPairSync("ed448"),
      ];
      const answers: Answer[] = [];
      for (const make of weak) answers.push(await enrol(cases.control, requestOf(make())));
      return answers;
    },
  ],
  [
    "duplicate key",
    async (cases) => {
      const bundle = await (await cases.control.raw("GET", "/api/v1/bundle", {})).text();
      const other = p256();
      leafOf(await enrol(cases.control, requestOf(other)));
      const keys = [new X509Certificate(bundle).publicKey, other.publicKey];
      return Promise.all(
        keys.map(async (publicKey) => enrol(cases.control, requestOf({ privateKey: p256().privateKey, publicKey }))),
      );
    },
  ],
  [
    "one request for twenty workloads, all at once",
    async ({ control }) => {
      const csr = requestOf(p256());
      const accounts = Array.from({ length: 20 }, (_, at) => `one-key-${at}`);
      const tokens = await Promise.all(accounts.map(async (serviceAccount) => joinToken(control, { serviceAccount })));
      return control.calls(tokens.map((token) => ({ method: "POST", path: "/api/v1/enrol", body: { csr }, token })));
    },
  ],
  [
    "the key of another workload, its point compressed",
    async ({ control }) => {
      const keys = p256();
      const ofAnother = async (serviceAccount: string, publicKey: Buffer): Promise<Answer> => {
        const token = await joinToken(control, { serviceAccount });
        return enrol(control, certificateRequest(keys.privateKey, publicKey), { token });
      };
      // Spelt so it is as good a key as any, until somebody else has it.
      const first = leafOf(await ofAnother("spelt", compressed(keys)));
      demandEqual("the key", first.publicKey.export({ format: "jwk" }), keys.publicKey.export({ format: "jwk" }), "");
      return [await ofAnother("spelt-otherwise", keys.publicKey.export({ format: "der", type: "spki" }))];
    },
  ],
  [
    "CSR that wishes for an authority's place, all purposes, DNS names, what nobody knows, and one extension twice",
    async ({ control }) => {
      const { privateKey, publicKey } = p256();
      const ordinary = leafOf(await enrol(control, requestOf(p256())));
      const wished = [WISHES, ...WISHES.map((wish) => [wish])];
      for (const wishes of wished) {
        const token = await joinToken(control);
        const answer = await enrol(control, certificateRequest(privateKey, publicKey, [], wishes), { token });
        // What cannot be read is refused, and what is read is not asked for its wishes.
        if (!("certificate" in answer.json)) {
          demand(answer.status === 400 || answer.status === 422, `the status is ${answer.status}`, String(wishes));
          continue;
        }
        const leaf = leafOf(answer);
        for (const what of ["subject", "subjectAltName", "ca", "keyUsage", "issuer"] as const)
          demandEqual(what, leaf[what], ordinary[what], String(wishes));
        demandEqual("its extensions", extensionsOf(leaf), extensionsOf(ordinary), String(wishes));
      }
      return [];
    },
  ],
  [
    "requests of which single bytes were changed, cut off or doubled after they were signed",
    async ({ control }) => {
      const body = Buffer.from(requestOf(p256()).replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
      const whole = readElement(body, 0, body.length);
      const [, , signature] = (whole && readChildren(body, whole)) ?? [];
      // Not the signature itself, which is all the proof: ECDSA has two for one text.
      const bytes = Array.from(body.subarray(0, (signature?.start ?? 0) + 1).keys());
      demand(bytes.length > 100, "too little is tried", String(bytes.length));
      const changed = bytes.map((at) => {
        const other = Buffer.from(body);
        other[at] = (other[at] ?? 0) ^ (1 << (at % 8));
        return other;
      });
      const odd = [body.subarray(0, -1), Buffer.concat([body, Buffer.from([0])]), Buffer.concat([body, body])];
      const token = await joinToken(control);
      const answers = await control.calls(
        [...changed, ...odd].map((der) => ({ method: "POST", path: "/api/v1/enrol", body: { csr: pem(der) }, token })),
      );
      // Whatever came, the token is as good as before.
      leafOf(await enrol(control, pem(body), { token }));
      return answers;
    },
  ],
  [
    "second enrolment with the same token",
    async (cases) => {
      const token = await joinToken(cases.control);
      leafOf(await enrol(cases.control, requestOf(p256()), { token }));
      return [await enrol(cases.control, requestOf(p256()), { token })];
    },
  ],
  [
    "race",
    async (cases) => {
      const token = await joinToken(cases.control);
      const csr = requestOf(p256());
      return Promise.all(Array.from({ length: 50 }, async () => enrol(cases.control, csr, { token })));
    },
  ],
  [
    "three tokens",
    async (cases) => {
      const short = await joinToken(cases.control, { ttlSeconds: 1 });
      const ofAnother = `join_${randomBytes(32).toString("base64url")}`;
      const made = Date.now();
      await until("the token to end", () => Date.now() > made + 1_000);
      const good = await joinToken(cases.control);
      const bad = [short, ofAnother, cases.good, good.slice(0, -1), good.replace("join_", "")];
      const answers = await Promise.all(bad.map(async (token) => enrol(cases.control, requestOf(p256()), { token })));
      leafOf(await enrol(cases.control, requestOf(p256()), { token: good }));
      return answers;
    },
  ],
  ["mTLS renewal", refusedRenewals],
  [
    "new root added, old removed after overlap; certificates of both work in the overlap; old refused after",
    rotatesRoot,
  ],
  [
    "trust domain Mesh.Example, path with .., %2f, //, trailing /",
    async ({ control }) => {
      const odd = [
        "Mesh.Example",
        "..",
        ".",
        "a/../b",
        "%2f",
        "a%2fb",
        "a//b",
        "a/",
        "/a",
        "",
        " ",
        "é",
        "a\0",
        "x".repeat(254),
      ];
      const wishes = [
        ...odd.flatMap((text) => [{ namespace: text }, { serviceAccount: text }]),
        { trustDomain: "Mesh.Example" },
        { spiffeId: "spiffe://mesh.example/ns/prod/sa/ops" },
      ];
      return Promise.all(
        wishes.map(async (wish) =>
          control.call("POST", "/api/v1/join-tokens", { namespace: "prod", serviceAccount: "web", ...wish }),
        ),
      );
    },
  ],
  [
    "any admin, export, debug, backup or error path; D1 dump; logs",
    async (cases) => {
      const texts = [await cases.control.dump()];
      for (const { method, path } of controlApi({} as Env).routes) {
        if (method !== "GET" && method !== "ALL") continue;
        const target = path.replaceAll(/:[^/]+/g, "1").replaceAll("*", "api/v1/namespaces");
        texts.push((await cases.send("GET", target, bearer(cases.good))).body);
      }
      for (const method of ["POST", "PUT", "DELETE"])
        texts.push((await cases.send(method, "/api/v1/bundle", bearer(cases.good))).body);
      for (const csr of ["", "x", requestOf(p256()).slice(0, 200)])
        texts.push(JSON.stringify((await enrol(cases.control, csr)).json));
      demand(texts.length > 20, "too little is looked at", String(texts.length));
      for (const text of texts) demand(!PRIVATE_KEY.test(text), "a private key is shown", text.slice(0, 300));
      return [];
    },
  ],
  [
    "10,000 certificates",
    async (cases) => {
      const serials = new Set<bigint>();
      // Thirty stand for all: what is asked is where serial numbers come from.
      for (let round = 0; round < 3; round += 1) {
        const answers = await Promise.all(
          Array.from({ length: 10 }, async () => enrol(cases.control, requestOf(p256()))),
        );
        for (const answer of answers) serials.add(BigInt(`0x${leafOf(answer).serialNumber}`));
      }
      demandEqual("different serial numbers", serials.size, 30, "");
      // At most 20 octets, of which none is the sign (RFC 5280 §4.1.2.2), and 64 random bits at the least.
      for (const serial of serials)
        demand(serial > 2n ** 64n && serial < 2n ** 159n, "a serial number", String(serial));
      return [];
    },
  ],
  [
    "attacker reads every table",
    async (cases) => {
      const secrets = [
        cases.good,
        await cases.token("admin"),
        await joinToken(cases.control),
        await joinToken(cases.control),
      ];
      leafOf(await enrol(cases.control, requestOf(p256()), { token: secrets[2] ?? "" }));
      const dump = await cases.control.dump();
      for (const secret of secrets) demand(!dump.includes(secret.replace(/^\w+?_/, "")), "a secret is stored", "");
      demand(!PRIVATE_KEY.test(dump), "a private key is stored", "");
      // What is there opens nothing either.
      const hashes = await cases.control.sql("SELECT hash, id FROM tokens");
      demand(hashes.length > 3, "too little is looked at", String(hashes.length));
      for (const { hash, id } of hashes.slice(0, 5))
        for (const stolen of [hash, id, `tulle_${String(hash)}`]) {
          const { status } = await cases.send("GET", POLICIES, bearer(String(stolen)));
          demandEqual("the status", status, 401, String(stolen));
        }
      return [];
    },
  ],
]);

/** By whoever does not hold the key of a certificate that is good now, and whose name it is. */
async function refusedRenewals(cases: ControlWorld): Promise<readonly Answer[]> {
  const { control } = cases;
  const nonce = async (): Promise<string> => String((await control.call("POST", "/api/v1/nonces")).json["nonce"]);
  const renewal = async (certificate: string, by: Pair, csr = requestOf(p256())): Promise<Answer> => {
    const digest = requestDigest(csr);
    const claims = { aud: "tulle://mesh.example", nonce: await nonce(), for: "renew", csr: digest };
    const token = svidProof(by.privateKey, claims);
    return control.call("POST", "/api/v1/renew", { certificate, csr }, { token });
  };
  const [web, ops] = [p256(), p256()];
  const certificateOf = async (keys: Pair, serviceAccount: string, ttlSeconds = 3_600): Promise<string> => {
    const token = await joinToken(cases.control, { serviceAccount });
    const answer = await enrol(cases.control, requestOf(keys), { token, ttlSeconds });
    return leafOf(answer).toString();
  };
  const [ofWeb, ofOps] = [await certificateOf(web, "web"), await certificateOf(ops, "ops")];
  const good = leafOf(await renewal(ofWeb, web, requestOf(p256(), ["spiffe://mesh.example/ns/prod/sa/ops"])));
  demandEqual("the name", good.subjectAltName, "URI:spiffe://mesh.example/ns/prod/sa/web", "");
  const short = await certificateOf(web, "web", 1);
  await until("the certificate to end", () => Date.now() > Date.parse(new X509Certificate(short).validTo));
  const stranger = await TestAuthority.create();
  const forged = await stranger.leaf({ uris: ["spiffe://mesh.example/ns/prod/sa/ops"] });
  const answers = [await renewal(ofOps, web), await renewal(short, web), await renewal(forged.cert, web)];
  const serial = BigInt(`0x${new X509Certificate(ofOps).serialNumber}`).toString(16);
  const revoked = await control.call("POST", "/api/v1/revocations", { serial });
  if (revoked.status === 404) throw new NotCovered("revocation of certificates");
  demand(revoked.status < 300, `a revocation is answered with ${revoked.status}`, JSON.stringify(revoked.json));
  return [...answers, await renewal(ofOps, ops)];
}

/** Conditions in words that a check above asserts by itself. */
export const CA_WORDS: ReadonlySet<string> = new Set([
  "the certificate is the one that a request without wishes gets",
  "clamped to the maximum (24 h default 1 h); never past the CA's own notAfter",
  "no endpoint or table holds the plain key: secret binding or encrypted with a key from a secret binding; grep of a full dump finds no private key",
  "at least 64 random bits, positive, unique",
  "0 failed good requests during the rotation of 1,000 req/s",
  "no usable admin token, join token, private key or session in clear",
]);

export const caCheckOf = (words = ""): CaCheck | null => CHECKS.get(words) ?? null;
