import {
  certificateAt,
  type ClientCertificate,
  readClientCertificate,
  type ShownCertificate,
} from "../../src/identity/client-tls.ts";

/** A client may show any certificate that the platform lets through: only so many are remembered. */
const MAX_CERTIFICATES = 2_000;

/** Reads each certificate once. */
export class CertificateCache {
  readonly #known = new Map<string, ShownCertificate | null>();

  /**
   * @param clientAuth `request.cf.tlsClientAuth`, of any shape
   * @param now epoch ms
   */
  read(clientAuth: unknown, now: number): ClientCertificate | null | Promise<ClientCertificate | null> {
    if (typeof clientAuth !== "object" || clientAuth === null) return null;
    const shown = clientAuth as Readonly<Record<string, unknown>>;
    if (shown["certPresented"] !== "1") return null;
    // The platform's judgement may change while the certificate stays.
    const key = `${String(shown["certVerified"])} ${String(shown["certRevoked"])} ${String(shown["certRFC9440"])}`;
    const known = this.#known.get(key);
    return known === undefined ? this.#read(key, clientAuth, now) : known && certificateAt(known, now);
  }

  async #read(key: string, clientAuth: unknown, now: number): Promise<ClientCertificate | null> {
    const read = await readClientCertificate(clientAuth);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_CERTIFICATES && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, read);
    return read && certificateAt(read, now);
  }
}
