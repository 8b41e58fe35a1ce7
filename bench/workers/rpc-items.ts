import { WorkerEntrypoint } from "cloudflare:workers";

/** What the service offers by Workers RPC. */
export interface Items {
  read(url: string): Promise<string>;
  remove(url: string): Promise<string>;
}

const TEXT = "x".repeat(1_024);

/** The service that is called: a text of 1 KB. */
export default class extends WorkerEntrypoint {
  read(): string {
    return TEXT;
  }

  remove(): string {
    return TEXT;
  }
}
