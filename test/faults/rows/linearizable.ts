import { Dice } from "../../policy/random-policies.ts";
import { faultStore } from "../faulty-store.ts";
import { anomaly, type Operation } from "../linearizable.ts";
import type { FaultMesh, Told } from "../mesh.ts";
import { exactly, type Row } from "../row.ts";

const SEEDS = 20;
/** Of all seeds together: 10,000, and as many more as say nothing of an object (a read without an answer). */
const OPERATIONS = 10_400;
const CLIENTS = 12;
/** Objects that are written to at a time, and how often each is: of operations without an answer a checker tries all orders. */
const OPEN = 4;
const A_REGISTER = 24;
/** Of calls of the database. */
const BROKEN_SHARE = 0.05;
const PATH = "/k8s/api/v1/namespaces/f15/configmaps";

/** One object, and what its clients saw. */
interface Register {
  readonly name: string;
  readonly history: Operation[];
  readonly repeated: Set<string>;
  /** What somebody read last, to swap it for something else. */
  seen: { readonly value: string; readonly version: string } | null;
  left: number;
}

const objectOf = ({ name }: Register, value: string, version?: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "f15", ...(version !== undefined && { resourceVersion: version }) },
    data: { value },
  });

/** Clients that read, write, swap, create and delete at random while the store fails at random, and repeat what failed. */
class Clients {
  readonly registers: Register[] = [];
  unanswered = 0;
  readonly #mesh: FaultMesh;
  readonly #dice: Dice;
  readonly #seed: number;
  #operations: number;
  #clock = 0;
  #values = 0;

  constructor(mesh: FaultMesh, seed: number, operations: number) {
    this.#mesh = mesh;
    this.#dice = new Dice(seed);
    this.#seed = seed;
    this.#operations = operations;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, async () => this.#client()));
  }

  async #client(): Promise<void> {
    while (this.#operations > 0) {
      this.#operations -= 1;
      await this.#operate(this.#register());
    }
  }

  #register(): Register {
    const open = this.registers.filter(({ left }) => left > 0);
    if (open.length < OPEN) {
      const name = `register-${this.#seed}-${this.registers.length}`;
      const register = { name, history: [], repeated: new Set<string>(), seen: null, left: A_REGISTER };
      this.registers.push(register);
      open.push(register);
    }
    const chosen = this.#dice.pick(open);
    chosen.left -= 1;
    return chosen;
  }

  async #operate(register: Register): Promise<void> {
    const which = this.#dice.next();
    if (which < 0.35) return this.#read(register);
    const value = `v${(this.#values += 1)}`;
    const write = this.#write(register, value, which);
    // Who gets no answer asks again, or gives up.
    while (!(await write()) && this.#dice.one(0.5)) register.repeated.add(value);
  }

  async #read(register: Register): Promise<void> {
    const invokedAt = (this.#clock += 1);
    const { status, text } = await this.#mesh.control("GET", `${PATH}/${register.name}`);
    if (status === 503) return;
    this.#saw(register, invokedAt, { kind: "read", value: status === 404 ? null : valueIn(register, text) });
  }

  /** @returns what does it once, and tells whether there was an answer */
  #write(register: Register, value: string, which: number): () => Promise<boolean> {
    const { name, seen } = register;
    if (which < 0.55)
      return this.#once(
        register,
        { kind: "write", value },
        async () => this.#mesh.apply(objectOf(register, value)),
        null,
      );
    if (which < 0.65) {
      const created = async () => this.#json("POST", PATH, objectOf(register, value));
      return this.#once(register, { kind: "swap", from: null, to: value, done: true }, created, 409);
    }
    if (which < 0.9 && seen !== null) {
      const does = { kind: "swap", from: seen.value, to: value, done: true } as const;
      return this.#once(
        register,
        does,
        async () => this.#json("PUT", `${PATH}/${name}`, objectOf(register, value, seen.version)),
        409,
      );
    }
    return this.#once(
      register,
      { kind: "write", value: null },
      async () => this.#json("DELETE", `${PATH}/${name}`),
      null,
    );
  }

  async #json(method: string, path: string, body?: string): Promise<Told> {
    return this.#mesh.control(method, path, body, "application/json");
  }

  /** @param refusal the status by which a swap is refused */
  #once(register: Register, does: Operation["does"], call: () => Promise<Told>, refusal: number | null) {
    return async (): Promise<boolean> => {
      const invokedAt = (this.#clock += 1);
      const { status, text } = await call();
      if (status === 503) {
        this.unanswered += 1;
        register.history.push({ invokedAt, returnedAt: null, does });
        return false;
      }
      if (status < 300) this.#saw(register, invokedAt, does);
      // There was none to replace, or to delete.
      else if (status === 404) this.#saw(register, invokedAt, { kind: "read", value: null });
      else if (status === refusal && does.kind === "swap") this.#refused(register, invokedAt, does);
      else throw new Error(`${does.kind}: ${status} ${text}`);
      return true;
    };
  }

  #refused(register: Register, invokedAt: number, does: Operation["does"] & { readonly kind: "swap" }): void {
    // Of a value that was written twice there are two versions: it may have been the other one that was named.
    if (does.from !== null && register.repeated.has(does.from)) return;
    this.#saw(register, invokedAt, { ...does, done: false });
  }

  #saw(register: Register, invokedAt: number, does: Operation["does"]): void {
    register.history.push({ invokedAt, returnedAt: (this.#clock += 1), does });
  }
}

function valueIn(register: Register, text: string): string {
  const { data, metadata } = JSON.parse(text) as { data: { value: string }; metadata: { resourceVersion: string } };
  register.seen = { value: data.value, version: metadata.resourceVersion };
  return data.value;
}

async function isIntact(mesh: FaultMesh): Promise<boolean> {
  for (let after: number | null = 0; after !== null;) {
    const { text } = await mesh.control("GET", `/api/v1/audit/verify?after=${after}`);
    const { intact, next } = JSON.parse(text) as { intact: boolean; next: number | null };
    if (!intact) return false;
    after = next;
  }
  return true;
}

export const LINEARIZABLE_ROWS: readonly Row[] = [
  {
    id: "F15",
    fault: "random faults of the store",
    promise: "the history of each object is linearizable",
    short: false,
    async run(stage) {
      const mesh = await stage.mesh();
      stage.atEnd(async () => void (await faultStore(mesh, null)));
      await mesh.mustApply(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"f15"}}`);
      let [anomalies, intact, done, unanswered] = [0, 0, 0, 0];
      for (let seed = stage.seed; seed < stage.seed + SEEDS; seed += 1) {
        await faultStore(mesh, { kind: "random", seed, share: BROKEN_SHARE });
        const clients = new Clients(mesh, seed, OPERATIONS / SEEDS);
        await clients.run();
        const { broken } = await faultStore(mesh, null);
        if (broken === 0 || clients.unanswered === 0) throw new Error(`seed ${seed}: nothing failed`);
        unanswered += clients.unanswered;
        for (const { name, history } of clients.registers) {
          done += history.length;
          const found = anomaly(history, null);
          if (found === null) continue;
          anomalies += 1;
          stage.say(`seed ${seed}, ${name}: ${JSON.stringify(found)} in ${JSON.stringify(history)}`);
        }
        if (await isIntact(mesh)) intact += 1;
        await mesh.control("DELETE", PATH);
        stage.say(`seed ${seed}: ${done} operations so far, ${unanswered} without an answer, ${anomalies} anomalies`);
      }
      return [
        exactly(`anomalies in ${done} operations, ${unanswered} without an answer`, anomalies, 0),
        exactly("seeds after which the audit's chain holds", intact, SEEDS),
      ];
    },
  },
];
