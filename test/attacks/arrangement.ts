import type { Behaviour } from "./echo.ts";
import type { GatewayName } from "./fixture.ts";
import type { Trial } from "./trial.ts";

/** What the settings of a case, in words, ask for beside its world: the echo service and the issuer are everybody's. */
export interface Arrangement {
  /** In place of the issuer: a host of the outside world that serves the key set of the case's rules. */
  readonly jwksHost?: string;
  /** Documents beside the case's policies, in its namespace. */
  readonly documents?: (index: number) => readonly object[];
  /** What is written otherwise in the case's policies. */
  readonly policies?: (text: string) => string;
  /** Settings of the whole mesh, while the case is tried by itself. */
  readonly mesh?: object;
  readonly behaviour?: Behaviour;
  readonly gateway?: GatewayName;
  /** Comes before the requests; what it sends itself is not judged. */
  readonly before?: (trial: Trial) => Promise<void>;
  /** Comes before each request. @param nth from 0 on */
  readonly beforeRequest?: (trial: Trial, nth: number) => Promise<void>;
}
