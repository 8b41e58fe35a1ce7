import { err, ok, type Result } from "../result.ts";
import { parseHost, type Received, type ReceiveError } from "./receive.ts";

const STANDARD_PORT = 80;

/**
 * Reads what an agent says of its program's call, `orders.shop:8080` or `orders.shop:8080 api.example.com`: what was dialled, and
 * Host where it was another. An agent cannot say it by Host and SNI, which name the gateway on the platform. The call was a plain
 * one: its TLS is the agent's own.
 *
 * @param received with the agent's word; to be read only where a verified SVID came with it
 */
export function readDialled(received: Received, word: string): Result<Received, ReceiveError> {
  const [service = "", host = service, ...more] = word.split(" ");
  const dialled = parseHost(service);
  const named = parseHost(host);
  if (dialled === null || named === null || more.length > 0) return err({ code: "host_invalid" });
  const { headers } = received;
  headers["host"] = named.authority;
  return ok({
    ...received,
    scheme: "http",
    authority: named.authority,
    host: named.name,
    authorityPort: named.port,
    dialled: { host: dialled.name, port: dialled.port ?? STANDARD_PORT },
  });
}
