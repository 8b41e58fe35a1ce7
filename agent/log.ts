import type { SvidEvent } from "../net/svid-keeper.ts";

/** What an agent tells of its life; of requests the gateway tells. */
export type AgentEvent =
  | SvidEvent
  | { readonly event: "agent_ready"; readonly spiffeId: string; readonly pid: number }
  | {
      readonly event: "agent_listening";
      readonly direction: "in" | "out";
      readonly address: string;
      readonly to: string;
    }
  | { readonly event: "gateway_unreachable"; readonly gateway: string; readonly reason: string };

export type Tell = (event: AgentEvent) => void;
