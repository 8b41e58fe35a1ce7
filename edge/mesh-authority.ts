import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ControlClient } from "./control-client.ts";

/** The mesh's authority, as control tells it: clients' certificates are verified against it. */
export class MeshAuthority {
  readonly #file: string;
  readonly #client: ControlClient;
  #pem: string;
  #asking: Promise<void> | null = null;

  /** @param file where it is kept, for starts while control is away */
  constructor(file: string, client: ControlClient) {
    this.#file = file;
    this.#client = client;
    this.#pem = existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** PEM; asks control where it is not known yet, so that the first client is judged as every other. @returns empty where control is away */
  async pem(): Promise<string> {
    if (this.#pem !== "") return this.#pem;
    this.#asking ??= this.refresh().catch(() => undefined);
    await this.#asking;
    this.#asking = null;
    return this.#pem;
  }

  get isKnown(): boolean {
    return this.#pem !== "";
  }

  /** @throws where control is away */
  async refresh(): Promise<void> {
    this.#pem = await this.#client.bundle();
    writeFileSync(this.#file, this.#pem);
  }
}
