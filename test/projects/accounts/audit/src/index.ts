import { WorkerEntrypoint } from "cloudflare:workers";

const written: string[] = [];

export default class Audit extends WorkerEntrypoint {
  write(entry: string): void {
    written.push(entry);
  }

  entries(): string[] {
    return written;
  }
}
