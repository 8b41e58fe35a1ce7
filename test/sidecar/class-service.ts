import { WorkerEntrypoint } from "cloudflare:workers";
import { seen } from "./calls.ts";

/** A Worker whose default export is a class. */
export default class extends WorkerEntrypoint {
  override async fetch(): Promise<Response> {
    return Response.json(await this.called());
  }

  async called(): Promise<unknown> {
    return seen(fetch("http://orders/"));
  }
}
