/** Processes that first meet in a folder make the same databases there: one of them makes it, the others find it locked. */
const BUSY = /SQLITE_BUSY/;
const PAUSE_MS = 100;
/** Many Workers may start together; each of these is another's turn. */
const TRIES = 20;

/** Tries again what ends because another process holds a database. @throws as it does, for any other reason or at last */
export async function whileBusy<T>(attempt: () => Promise<T>, pauseMs = PAUSE_MS): Promise<T> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 1 || !(error instanceof Error) || !BUSY.test(error.message)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
