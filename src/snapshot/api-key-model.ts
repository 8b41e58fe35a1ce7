/** An APIKeyPolicy of one set. */
export interface ApiKeyPolicyModel {
  /** `namespace/name`. */
  readonly name: string;
  /** Whose keys it takes. */
  readonly namespace: string;
  /** Where they are sent, lower case. */
  readonly header: string;
  /** A request without a key is refused. */
  readonly required?: true;
}
