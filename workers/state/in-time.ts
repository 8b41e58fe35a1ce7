/**
 * Rejects when it takes longer: a frozen peer must not hold anybody. Its timer ends with what it waits for, so that an object whose
 * callers have gone quiet is kept awake by none.
 */
export async function inTime<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`control did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
