import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ControlClient } from "./control-client.ts";

/** The mesh's authority, and those of its neighbours, as control tells them: clients' certificates are verified against them. */
export class MeshAuthority {
  readonly #file: string;
  readonly #client: ControlClient;
  #pem: string;
  #neighbours = "";
  #asking: Promise<void> | null = null;

  /** @param file where it is kept, for starts while control is away */
  constructor(file: string, client: ControlClient) {
    this.#file = file;
    this.#client = client;
    this.#pem = existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** PEM; asks control where it is not known yet, so that the first client is judged as every other. @returns empty where control is away */
  async pem(): Promise<string> {
    if (this.#pem !== "") return this.#pem + this.#neighbours;
    this.#asking ??= this.refresh().catch(() => undefined);
    await this.#asking;
    this.#asking = null;
    return this.#pem;
  }

  /** Those whom the mesh federates with may show certificates, too: which of them counts for whom, gateways judge. */
  async refreshNeighbours(token: string): Promise<void> {
    this.#neighbours = await this.#client.federated(token);
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
