/** An account may have no more open at once. */
const PER_TOKEN = 5;

/** Tails that are open. */
export interface Tails {
  /** Each has shown a request. */
  readonly areShown: boolean;
  end(): void;
}

interface Tail {
  isShown: boolean;
}

/**
 * Opens tails of all requests, and reads them away as a reader would.
 *
 * @param control its origin
 * @param token of somebody who may make tokens
 */
export async function openTails(control: string, token: string, count: number): Promise<Tails> {
  const abort = new AbortController();
  const readers = await Promise.all(
    Array.from({ length: Math.ceil(count / PER_TOKEN) }, async () => tailToken(control, token)),
  );
  const tails = await Promise.all(
    Array.from({ length: count }, async (_, at) => openTail(control, readers[at % readers.length] ?? "", abort.signal)),
  );
  return {
    get areShown() {
      return tails.every(({ isShown }) => isShown);
    },
    end: () => abort.abort(),
  };
}

async function tailToken(control: string, token: string): Promise<string> {
  const answer = await fetch(`${control}/api/v1/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "bench", role: "viewer", permissions: ["tail"], ttlSeconds: 3_600 }),
  });
  if (answer.status !== 201) throw new Error(`a token to tail with: ${answer.status} ${await answer.text()}`);
  const made = (await answer.json()) as { token: string };
  return made.token;
}

async function openTail(control: string, token: string, signal: AbortSignal): Promise<Tail> {
  const answer = await fetch(`${control}/api/v1/tail`, { headers: { authorization: `Bearer ${token}` }, signal });
  if (answer.status !== 200 || answer.body === null) throw new Error(`a tail: ${answer.status} ${await answer.text()}`);
  const tail: Tail = { isShown: false };
  // It ends where the bench ends it.
  readAway(answer.body, tail).catch(() => undefined);
  return tail;
}

async function readAway(body: ReadableStream<Uint8Array>, tail: Tail): Promise<void> {
  const text = new TextDecoder();
  for await (const part of body) tail.isShown ||= text.decode(part, { stream: true }).includes("event: line");
}
