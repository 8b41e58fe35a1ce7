import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { publicEntrance } from "./entrance.ts";
import type { Env } from "./env.ts";
import { handle } from "./handle.ts";
import { meshOf } from "./mesh.ts";

/** The public way in: who calls is what the platform says of the client's certificate. */
export default {
  async fetch(request, env, ctx): Promise<Response> {
    return handle(request, publicEntrance(request, env), ctx, meshOf(env));
  },
} satisfies ExportedHandler<Env>;

/** The way in for Workers of the mesh: who calls is what the deployer wrote into the binding's props. */
export class MeshEntrypoint extends WorkerEntrypoint<Env, CallerProps> {
  override async fetch(request: Request): Promise<Response> {
    const { props } = this.ctx;
    return handle(request, { kind: "mesh", props }, this.ctx, meshOf(this.env));
  }
}
