import type { WorkerBinding } from "./env.ts";

/** Calls a method of a Worker. What cannot be carried to it rejects, as what it throws does. */
export function callMethod(worker: WorkerBinding, name: string, args: readonly unknown[]): Promise<unknown> {
  try {
    // Not taken out of the binding: alone, the method would be a stub for later.
    return (worker as { readonly [name: string]: Method })[name]?.(...args) ?? NOTHING;
  } catch (error) {
    return Promise.reject(error);
  }
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** A binding has every name: this is for the types. */
const NOTHING = Promise.resolve();

/** Reads a property of a Worker. A method that is read comes as a stub. */
export async function readProperty(worker: WorkerBinding, name: string): Promise<unknown> {
  return worker[name];
}

/** Lets go of what came too late, so that the service sees that nobody holds it. */
export function disposeOf(value: unknown): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
  const dispose = (value as Partial<Disposable>)[Symbol.dispose];
  if (typeof dispose === "function") dispose.call(value);
}

/** What the runtime says of values that it cannot carry: it is the caller's doing, or the service's. */
const NOT_CARRIED = [/limited to 32MiB/, /used after being disposed/, /^Maximum call stack size exceeded$/];

/**
 * Whether an error is the application's own: thrown by the service, which the runtime marks as `remote`, or a value that the
 * caller or the service cannot send. All else is a service that could not be reached, or that broke off.
 */
export function isOfApplication(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  const { name, message } = error;
  if (Object.hasOwn(error, "remote") && (error as { readonly remote?: unknown }).remote === true) return true;
  return name === "DataCloneError" || NOT_CARRIED.some((pattern) => pattern.test(message));
}
