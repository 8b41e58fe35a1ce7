/** Something the user can mend; its message says how. */
export class StartError extends Error {}
