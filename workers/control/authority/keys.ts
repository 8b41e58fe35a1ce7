import * as x509 from "@peculiar/x509";
import {
  anchorsAt,
  dueAt,
  endedAt,
  nextAt,
  signingAt,
  signsFrom,
  trustedAt,
} from "../../../src/identity/ca-rotation.ts";
import { unwrapKey, wrapKey } from "../key-wrap.ts";
import { type MadeCertificate, makeIntermediate, makeRoot } from "./ca-certificates.ts";
import type { CaStore, StoredCa } from "./ca-store.ts";
import { pemOf, type Signer, SIGNING } from "./signing.ts";

/** What of control's environment it uses. */
export interface KeysEnv {
  readonly TRUST_DOMAIN: string;
  readonly KEY_ENCRYPTION_SECRET: string;
  /** Set by the local mesh alone. */
  readonly TULLE_LOCAL?: string;
}

/** The certificate that signs workloads now. */
export interface IssuingCa extends Signer {
  readonly serial: string;
  /** Epoch ms: no certificate of a workload lives longer. */
  readonly notAfter: number;
  /** PEM of what a workload shows beside its own certificate, nearest first; empty where its root signs it itself. */
  readonly chain: string;
}

const PURPOSE = "authority-key";
/** How long a certificate is trusted before it signs: gateways learn of an intermediate within seconds, */
export const INTERMEDIATE_LEAD_MS = 3_600_000;
/** and whoever was told of the roots by hand needs days. */
export const ROOT_LEAD_MS = 7 * 86_400_000;

/** Roots and intermediates of the mesh. Their keys are made here and leave only wrapped, into the object's own storage. */
export class AuthorityKeys {
  readonly #store: CaStore;
  readonly #env: KeysEnv;
  readonly #keys = new Map<string, CryptoKey>();

  constructor(store: CaStore, env: KeysEnv) {
    this.#store = store;
    this.#env = env;
  }

  /** Takes the next step that is due; none where nothing is. @returns whether anything changed */
  async advance(now: number): Promise<boolean> {
    const first = this.#store.all();
    if (first.length === 0) {
      this.#adoptOlder(now);
      if (this.#store.all().length === 0) await this.makeRoot(now, now);
    }
    const all = this.#store.all();
    const due = dueAt(all, now);
    if (due === "root") await this.makeRoot(signsFrom(all, ROOT_LEAD_MS, now), now);
    if (due === "intermediate") await this.makeIntermediate(signsFrom(all, INTERMEDIATE_LEAD_MS, now), now);
    if (due === "import")
      console.warn({ event: "ca_import_due", message: "an intermediate of the mesh's root is wanted: `tulle ca csr`" });
    const ended = endedAt(this.#store.all(), now).map(({ serial }) => serial);
    this.#store.remove(ended);
    return first.length === 0 || due === "root" || due === "intermediate" || ended.length > 0;
  }

  /** When to look again: epoch ms. */
  next(now: number): ReturnType<typeof nextAt> {
    return nextAt(this.#store.all(), now);
  }

  /** A root with the first intermediate below it: both are trusted at once, and sign from then on. */
  async makeRoot(from: number, now: number): Promise<void> {
    const { TRUST_DOMAIN } = this.#env;
    const root = await makeRoot(TRUST_DOMAIN, now);
    const below = await makeIntermediate(TRUST_DOMAIN, root, now);
    const { serial } = timesOf(root.certificate);
    this.#store.add([
      await this.#stored(root, { role: "root", root: serial, signsFrom: from }),
      await this.#stored(below, { role: "intermediate", root: serial, signsFrom: from }),
    ]);
  }

  /** @returns false where the root's key is somebody else's */
  async makeIntermediate(from: number, now: number): Promise<boolean> {
    const all = this.#store.all();
    const signing = signingAt(all, now);
    const root = all.find(({ serial, role }) => role === "root" && serial === signing?.root);
    if (root === undefined || root.wrappedKey === null) return false;
    const signer = { key: await this.#keyOf(root), certificate: new x509.X509Certificate(root.certificate) };
    const made = await makeIntermediate(this.#env.TRUST_DOMAIN, signer, now);
    this.#store.add([await this.#stored(made, { role: "intermediate", root: root.serial, signsFrom: from })]);
    return true;
  }

  /** @returns null where none may sign. @throws where the secret that wraps its key is another one */
  async issuing(now: number): Promise<IssuingCa | null> {
    const signing = signingAt(this.#store.all(), now);
    if (signing === null) return null;
    const { serial, notAfter, role, chain } = signing;
    const certificate = new x509.X509Certificate(signing.certificate);
    const shown = role === "both" ? "" : pemOf(certificate) + chain;
    return { serial, notAfter, key: await this.#keyOf(signing), certificate, chain: shown };
  }

  /** Certificates that may speak for the mesh, and their roots. */
  trusted(now: number): { readonly signing: readonly StoredCa[]; readonly roots: readonly StoredCa[] } {
    const all = this.#store.all();
    return { signing: trustedAt(all, now), roots: anchorsAt(all, now) };
  }

  async wrap(pkcs8: Uint8Array<ArrayBuffer>): Promise<string> {
    return wrapKey(pkcs8, this.#env.KEY_ENCRYPTION_SECRET, PURPOSE);
  }

  async unwrap(wrapped: string): Promise<ArrayBuffer> {
    return unwrapKey(wrapped, this.#env.KEY_ENCRYPTION_SECRET, PURPOSE);
  }

  #adoptOlder(now: number): void {
    const older = this.#store.older();
    if (older === null) return;
    const certificate = new x509.X509Certificate(older.certificate);
    this.#store.adopt({ ...timesOf(certificate), certificate: pemOf(certificate), wrappedKey: older.wrappedKey }, now);
  }

  async #keyOf({ serial, wrappedKey }: StoredCa): Promise<CryptoKey> {
    const known = this.#keys.get(serial);
    if (known !== undefined) return known;
    if (wrappedKey === null) throw new Error("the key of this certificate is somebody else's");
    const key = await crypto.subtle.importKey("pkcs8", await this.unwrap(wrappedKey), SIGNING, false, ["sign"]);
    this.#keys.set(serial, key);
    return key;
  }

  async #stored(
    { certificate, pkcs8 }: MadeCertificate,
    place: Pick<StoredCa, "role" | "root" | "signsFrom">,
  ): Promise<StoredCa> {
    return {
      ...timesOf(certificate),
      ...place,
      certificate: pemOf(certificate),
      chain: "",
      wrappedKey: await this.wrap(pkcs8),
      lastEnds: null,
      isOurs: true,
    };
  }
}

export function timesOf(certificate: x509.X509Certificate): Pick<StoredCa, "serial" | "notBefore" | "notAfter"> {
  return {
    serial: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, ""),
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
  };
}
