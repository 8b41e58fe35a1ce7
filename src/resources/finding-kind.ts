/** What a code stands for. The names and numbers are public: people silence them, and programs count them. */
export interface FindingKind {
  readonly name: string;
  /** An error refuses the write; a warning is answered; an info stands in the object's status and in `tulle analyze` alone. */
  readonly severity: Severity;
  /** One line: what is the case. */
  readonly meaning: string;
  readonly mend: string;
  /** Codes of Istio's own analysis that say the same. */
  readonly istio?: readonly string[];
}

export const SEVERITIES = ["error", "warning", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];
