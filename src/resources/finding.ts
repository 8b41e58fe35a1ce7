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

/** @param field where; of an object that is wrong among others */
export function errorAt(field: string, message: string): Finding {
  return { severity: "error", reason: "FieldValueInvalid", field, message };
}

export function warningAt(field: string, message: string): Finding {
  return { severity: "warning", reason: "FieldValueInvalid", field, message };
}
