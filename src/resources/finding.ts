/** Something to tell the author of an object: an error refuses the write, a warning is stored and answered as a `Warning`. */
export interface Finding {
  readonly severity: "error" | "warning";
  /** A Kubernetes cause: Invalid, Required, NotSupported (a value of an enum, or a field we refuse), Unknown (a field nobody knows), Duplicate. */
  readonly reason:
    | "FieldValueInvalid"
    | "FieldValueRequired"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueForbidden"
    | "FieldValueTooLong";
  /** `spec.http[0].match[1].uri`. */
  readonly field: string;
  /** Lower case, no full stop; what is wrong, then how to mend it. */
  readonly message: string;
}
