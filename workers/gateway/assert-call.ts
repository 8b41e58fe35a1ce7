import type { Forward } from "../../src/decide/types.ts";
import { ASSERTION_HEADER } from "../../src/identity/assertion.ts";
import type { MutableHeaders } from "../../src/request/headers.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import type { HttpCall } from "./http-call.ts";

/**
 * Tells a service of the mesh that stands outside of the platform who calls it, in a way that it can check: whoever else finds
 * its address cannot. A Worker needs none: its binding is the proof. Of what stands outside of the mesh nobody is told.
 *
 * @param headers as they will be sent; the assertion is put into them, past every change that a route makes
 * @returns null where nothing must be waited for
 */
export function assertCall(
  call: HttpCall,
  { cluster }: Forward,
  { address }: Endpoint,
  headers: MutableHeaders,
): Promise<void> | null {
  const { assertions, configuration } = call.mesh;
  if (assertions === null || cluster.model.anonymous === true) return null;
  if (address.kind === "binding" || address.kind === "dynamic") return null;
  const { trust } = configuration;
  if (trust === null) throw new Error("whom to speak for is not known");
  const about = {
    principal: call.peer.principal,
    service: cluster.model.service.host,
    method: call.received.method,
    host: headers["host"] ?? call.received.authority,
  };
  const assertion = assertions.of(about, trust.domain, Date.now());
  if (assertion instanceof Promise)
    return assertion.then((text) => {
      headers[ASSERTION_HEADER] = text;
    });
  headers[ASSERTION_HEADER] = assertion;
  return null;
}
