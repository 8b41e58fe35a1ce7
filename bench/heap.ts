/**
 * Bytes that a Worker's isolate uses after its garbage was collected, by the runtime's inspector.
 *
 * @param port where the inspector listens; null: it does not
 */
export async function heapOf(port: number | null, worker: string): Promise<number> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as readonly Record<string, string>[];
  const url = targets.find(({ id = "" }) => id.split(":").at(-1) === worker)?.["webSocketDebuggerUrl"];
  if (url === undefined) throw new Error(`the isolate of ${worker} has no inspector`);
  const socket = new WebSocket(url);
  try {
    await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }));
    await asked(socket, "HeapProfiler.collectGarbage");
    const { usedSize = NaN, backingStorageSize = 0 } = await asked(socket, "Runtime.getHeapUsage");
    return usedSize + backingStorageSize;
  } finally {
    socket.close();
  }
}

async function asked(socket: WebSocket, method: string): Promise<Readonly<Record<string, number>>> {
  const id = method.length;
  return new Promise((resolve) => {
    const hear = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as { id?: number; result?: Readonly<Record<string, number>> };
      if (answer.id !== id) return;
      socket.removeEventListener("message", hear);
      resolve(answer.result ?? {});
    };
    socket.addEventListener("message", hear);
    socket.send(JSON.stringify({ id, method }));
  });
}
