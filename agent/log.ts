import type { RevocationEvent } from "../net/revocations.ts";
import type { SvidEvent } from "../net/svid-keeper.ts";

/** What an agent tells of its life; of requests the gateway tells. */
export type AgentEvent =
  | SvidEvent
  | RevocationEvent
  | { readonly event: "agent_ready"; readonly spiffeId: string; readonly pid: number }
  | {
      readonly event: "agent_listening";
      readonly direction: "in" | "out";
      readonly address: string;
      readonly to: string;
    }
  | { readonly event: "registered"; readonly entry: string }
  | { readonly event: "registration_failed"; readonly reason: string }
  | { readonly event: "call_refused"; readonly code: string }
  | { readonly event: "handshake_refused"; readonly reason: string }
  | { readonly event: "program_unreachable"; readonly address: string; readonly reason: string }
  | { readonly event: "gateway_unreachable"; readonly gateway: string; readonly reason: string };

export type Tell = (event: AgentEvent) => void;
