import { within } from "../support/until.ts";
import { documentsOf } from "./applied.ts";
import { CA_WORDS, caCheckOf } from "./ca-checks.ts";
import { checkCounts, checkReply, checkWarning } from "./conditions.ts";
import { type ControlArrangement, controlArrangementOf } from "./control-arrangements.ts";
import { controlWords, dryRunChecks } from "./control-words.ts";
import { bearer, ControlWorld, policiesIn } from "./control-world.ts";
import { type AttackCase, patienceOf } from "./corpus.ts";
import { demand, demandEqual, demandOneOf, NotCovered } from "./outcome.ts";
import type { Reply } from "./raw-answer.ts";

/** Cases on the control Worker alone: its API, its certificate authority, what it makes of documents. */
export class ControlCases {
  readonly world: ControlWorld;

  private constructor(world: ControlWorld) {
    this.world = world;
  }

  static async start(): Promise<ControlCases> {
    return new ControlCases(await ControlWorld.start());
  }

  async stop(): Promise<void> {
    await this.world.stop();
  }

  /** @throws where the case does not hold, or cannot be tried */
  async run(attack: AttackCase): Promise<void> {
    await this.#tried(attack);
    const own = Object.keys(Object.prototype);
    demandEqual("own keys of every object", own, [], attack.id);
    for (const name of ["polluted", "action"])
      demandEqual(name, ({} as Record<string, unknown>)[name], undefined, attack.id);
  }

  /** What a case sends, where it must leave all as it was; only a write that is refused as a whole is known to. */
  async #guarded(attack: AttackCase, work: () => Promise<void>): Promise<void> {
    const { must } = attack;
    if (must.state_unchanged !== true && must.apply !== "rejected") return work();
    const before = await this.world.control.dump();
    await work();
    demand((await this.world.control.dump()) === before, "the state has changed", attack.id);
  }

  async #tried(attack: AttackCase): Promise<void> {
    const { requests, setup = {} } = attack;
    if (requests.some(({ csr }) => csr === true)) return this.#certificates(attack);
    if (requests.some(({ apply }) => apply === true)) return this.#applied(attack);
    const arrangement = controlArrangementOf(setup.words);
    if (arrangement === null) throw new NotCovered(`setup \`${setup.words}\``);
    return this.#requests(attack, arrangement);
  }

  async #certificates(attack: AttackCase): Promise<void> {
    const { setup = {}, must } = attack;
    const check = caCheckOf(setup.words);
    if (check === null) throw new NotCovered(`setup \`${setup.words}\``);
    if (must.words !== undefined && !CA_WORDS.has(must.words)) throw new NotCovered(`condition \`${must.words}\``);
    const answers = await check(this.world, attack);
    const issued = answers.filter(({ json }) => "certificate" in json);
    for (const { status, json } of answers) {
      const said = JSON.stringify(json).slice(0, 300);
      if (must.status !== undefined) demandOneOf("the status", status, must.status, said);
      if (must.issued === false) demand(!("certificate" in json), "a certificate is issued", said);
    }
    if (must.issued === true) demand(issued.length > 0, "no certificate is issued", attack.id);
    if (must.issued_count !== undefined) demandEqual("certificates", issued.length, must.issued_count, attack.id);
  }

  /** What is refused is applied in earnest by each way in; what may be accepted is tried, so that nothing stays. */
  async #applied(attack: AttackCase): Promise<void> {
    const { must } = attack;
    const documents = documentsOf(attack);
    if (documents === null) throw new NotCovered(`setup \`${attack.setup?.words}\``);
    demand(documents.length > 0, "nothing to apply", attack.id);
    const words = must.words === undefined ? null : controlWords(must.words);
    if (must.words !== undefined && words === null) throw new NotCovered(`condition \`${must.words}\``);
    await this.#guarded(attack, async () => {
      for (const document of documents) {
        for (const [method, path, type] of waysOf(document, must.apply === "rejected")) {
          const call = this.world.control.call(method, path, document, { type });
          const { status, json } = await within(`the answer to ${type}`, patienceOf(must), call);
          checkApplied(attack, { status, text: JSON.stringify(json) }, document);
        }
      }
    });
    await words?.(this.world, attack, []);
  }

  async #requests(attack: AttackCase, arrangement: ControlArrangement): Promise<void> {
    const { must, requests } = attack;
    const words = must.words === undefined ? null : controlWords(must.words);
    if (must.words !== undefined && words === null) throw new NotCovered(`condition \`${must.words}\``);
    const undo = await arrangement.before?.(this.world);
    const replies: Reply[] = [];
    try {
      // What is refused without credentials says nothing of those who have some, and the other way round.
      const open = must.status?.includes(401) === true && arrangement.credentials === undefined;
      const credentials = open ? {} : ((await arrangement.credentials?.(this.world)) ?? bearer(this.world.good));
      const fill = await this.world.placeholders(requests);
      await this.#guarded(attack, async () => {
        for (const request of requests) {
          if (request.generator !== undefined) {
            const answers = await arrangement.generate?.(this.world, request);
            if (answers === undefined) throw new NotCovered(`generator \`${request.generator}\``);
            replies.push(...answers);
          } else replies.push(await this.world.attack(request, credentials, fill));
        }
      });
      for (const reply of replies) checkControlReply(attack, reply);
      checkCounts(
        must,
        replies.map(({ status }) => status),
        attack.id,
      );
      await words?.(this.world, attack, replies);
      if (requests.some(({ target }) => /[?&]dryRun=/.test(target ?? ""))) await dryRunChecks(this.world);
    } finally {
      await undo?.();
    }
  }
}

/** Every way by which a document is read, where it is refused; paths of one kind say nothing of others' documents. */
function waysOf(document: string, inEarnest: boolean): readonly (readonly [string, string, string])[] {
  if (!inEarnest) return [["POST", "/api/v1/apply?dryRun=All", "application/yaml"]];
  const other = /kind"?: *"?(?!AuthorizationPolicy)\w+/.test(document) && document.includes("metadata");
  if (other) return [["POST", "/api/v1/apply", "application/yaml"]];
  return [
    ["POST", "/api/v1/apply", "application/yaml"],
    ["POST", policiesIn("prod"), "application/yaml"],
    ["PATCH", `${policiesIn("prod")}/x?fieldManager=m`, "application/apply-patch+yaml"],
  ];
}

function checkApplied(
  { must }: AttackCase,
  { status, text }: { readonly status: number; readonly text: string },
  document: string,
): void {
  const said = `${document.slice(0, 300)} -> ${status} ${text.slice(0, 1_000)}`;
  if (must.status !== undefined) demandOneOf("the status", status, must.status, said);
  if (must.apply === "rejected") demandOneOf("the status", status, [400, 413, 415, 422], said);
  if (must.apply === "accepted") demandEqual("the status", status, 200, said);
  // Refused, or accepted with a warning: never in silence.
  if (must.apply === undefined && must.status === undefined)
    demand(status === 422 || text.includes('"warnings":["'), "it is accepted in silence", said);
  if (must.error_contains !== undefined)
    demand(text.includes(must.error_contains), `the error does not say ${must.error_contains}`, said);
  checkWarning(must, text);
}

function checkControlReply({ title, must }: AttackCase, reply: Reply): void {
  const said = `${reply.status} ${reply.body.slice(0, 500)}`;
  if (must.status !== undefined) demandOneOf("the status", statusOf(reply), must.status, said);
  checkReply({ title, must }, reply, said);
}

/** An apply is refused as a whole, and says of each document why. */
function statusOf({ status, body }: Reply): number {
  if (status !== 422) return status;
  try {
    const { results = [] } = JSON.parse(body) as {
      readonly results?: readonly { readonly status?: { readonly code?: number } }[];
    };
    const codes = results.flatMap((result) => result.status?.code ?? []);
    return codes.includes(403) ? 403 : status;
  } catch {
    return status;
  }
}
