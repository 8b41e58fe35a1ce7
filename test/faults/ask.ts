import { type Answer, type Call, send } from "../support/http.ts";
import type { FaultMesh } from "./mesh.ts";
import { hostOf } from "./world.ts";

const PATIENCE_MS = 20_000;
/** Where the circuit has not opened by then, it does not. */
const MANY = 50;
const PAUSE_MS = 5;

/** What all get whose service has no endpoint that is not ejected. */
const OPEN = "no healthy upstream";

export interface Asked extends Answer {
  readonly ms: number;
  /** The circuit is open: no endpoint was called. */
  readonly isOpen: boolean;
}

/** One request to a row's service. @throws where no answer came, or broke off */
export async function ask(mesh: FaultMesh, id: string, path = "/", call: Call = {}): Promise<Asked> {
  const since = performance.now();
  const answer = await send(`http://127.0.0.1:${mesh.portOf()}${path}`, {
    host: hostOf(id),
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...call,
  });
  const isOpen = answer.status === 503 && answer.text === OPEN;
  return { ...answer, ms: performance.now() - since, isOpen };
}

/** Asks one after the other, so many times. */
export async function askInTurn(mesh: FaultMesh, id: string, times: number): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  while (asked.length < times) asked.push(await ask(mesh, id));
  return asked;
}

/**
 * Asks one after the other, a moment apart, until the circuit has opened so many times.
 *
 * @returns for each time how many calls got through before it did, and how long they took
 */
export async function untilOpened(mesh: FaultMesh, id: string, times: number): Promise<readonly Opening[]> {
  const openings: Opening[] = [];
  let [through, since] = [0, 0];
  while (openings.length < times) {
    const { isOpen, status, text } = await ask(mesh, id);
    if (!isOpen) {
      if (through === 0) since = performance.now();
      through += 1;
      if (through > MANY)
        throw new Error(`the circuit of ${id} does not open: ${through} calls got through, the last ${status} ${text}`);
      continue;
    }
    if (through > 0) openings.push({ through, ms: performance.now() - since });
    through = 0;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return openings;
}

interface Opening {
  readonly through: number;
  readonly ms: number;
}
