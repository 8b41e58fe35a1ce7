/** What is known of an answer at its end, as the service gave it. */
export interface LimitAnswer {
  readonly code: number;
  /** Of its body, in bytes; null: not known. */
  readonly size: number | null;
  /** @param name lower case */
  header(name: string): string | null;
}
