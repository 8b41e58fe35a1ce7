/** Ends a command, from wherever it is: `main.ts` tells the message on stderr and gives the code to the shell. */
export class CommandError extends Error {
  /** 1: refused or failed; 2: the command line is wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** For a command line that cannot be meant as it is. */
export function usageError(message: string): CommandError {
  return new CommandError(message, 2);
}
