import { WorkerEntrypoint } from "cloudflare:workers";
import { EDGE_HEADER } from "../../src/request/edge-proof.ts";
import { publicEntrance } from "../../src/request/entrance.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import type { Env } from "./env.ts";
import { handle } from "./handle.ts";
import { passOn } from "./rpc-methods.ts";
import { meshOf } from "./mesh.ts";
import { prime } from "./prime.ts";

/** The public way in: who calls is what the platform says of the client's certificate. */
export default {
  fetch(request, env, ctx): Response | Promise<Response> {
    const mesh = meshOf(env);
    const { deployment } = mesh;
    const proof = deployment.edgeSecret === undefined ? null : request.headers.get(EDGE_HEADER);
    return handle(request, publicEntrance(request.url, request.cf, deployment, proof), ctx, mesh);
  },
} satisfies ExportedHandler<Env>;

class HttpEntrypoint extends WorkerEntrypoint<Env, CallerProps> {
  override fetch(request: Request): Response | Promise<Response> {
    const { props } = this.ctx;
    return handle(request, { kind: "mesh", props }, this.ctx, meshOf(this.env));
  }
}

/**
 * The way in for Workers of the mesh: who calls, and what, is what the deployer wrote into the binding's props. It has no method
 * but `fetch`; any other name is a method of the service.
 */
export class MeshEntrypoint extends HttpEntrypoint {}
passOn(MeshEntrypoint);

prime();
