// What a slice says of rehearsals. Plain JSON, as all of the model.
import type { Fault, RouteMatch } from "./route-model.ts";

/** A fault for a while, on top of those of routes: a request is held back, or answered in its service's place. */
export interface RehearsalModel {
  /** `namespace/name`. */
  readonly name: string;
  /** Epoch ms: it meets no request that came then or later, whoever is told of its end. */
  readonly endsAt: number;
  /** Part of [0, 1], of the requests that it is for. */
  readonly share: number;
  /** All must hold, as those of a route's match; absent: it is for any request. */
  readonly headers?: NonNullable<RouteMatch["headers"]>;
  /** One of the two is set. */
  readonly delayMs?: number;
  readonly abort?: Omit<NonNullable<Fault["abort"]>, "share">;
}
