import { randomBytes } from "node:crypto";
import { bearer, type ControlWorld, type Credentials } from "./control-world.ts";
import type { AttackRequest } from "./corpus.ts";
import type { Reply } from "./raw-answer.ts";

/** What the settings of a case on control ask for. */
export interface ControlArrangement {
  /** Whose requests they are; absent: the administrator's, or nobody's where nobody must be let in. */
  readonly credentials?: (cases: ControlWorld) => Promise<Credentials>;
  /** @returns what takes it back */
  readonly before?: (cases: ControlWorld) => Promise<(() => Promise<void>) | undefined>;
  /** Answers to requests that are generated. */
  readonly generate?: (cases: ControlWorld, request: AttackRequest) => Promise<readonly Reply[]>;
}

const NOTHING: ControlArrangement = {};

/** A table that is away is a database that fails. */
async function databaseFails({ control }: ControlWorld): Promise<() => Promise<void>> {
  for (const table of ["objects", "meta"]) await control.sql(`ALTER TABLE ${table} RENAME TO ${table}_away`);
  return async () => {
    for (const table of ["objects", "meta"]) await control.sql(`ALTER TABLE ${table}_away RENAME TO ${table}`);
  };
}

const ARRANGED: ReadonlyMap<string, ControlArrangement> = new Map<string, ControlArrangement>([
  ["base", NOTHING],
  ["browser with a session cookie; evil.test posts a text/plain form", NOTHING],
  ["local simulator, Host: evil.test (DNS rebinding)", NOTHING],
  ["20 documents, the 13th invalid", NOTHING],
  ["provoke 500 by D1 failure", { before: databaseFails }],
  // How long a comparison takes is not measured: what is compared is looked at.
  ["10,000 tries each for a token differing in the first and in the last byte", { generate: async () => [] }],
  [
    "two parallel POST /v1/setup with different admin tokens",
    {
      generate: async (cases, { n = 2 }) =>
        Promise.all(
          Array.from({ length: n }, async () =>
            cases.send(
              "POST",
              "/api/v1/bootstrap",
              bearer(randomBytes(32).toString("base64url")),
              JSON.stringify({ token: randomBytes(32).toString("base64url") }),
            ),
          ),
        ),
    },
  ],
]);

/** @returns null where nobody knows what the words mean */
export function controlArrangementOf(words = "base"): ControlArrangement | null {
  const known = ARRANGED.get(words);
  if (known !== undefined) return known;
  const [, role, namespace] = /^token role (admin|editor|viewer)(?: for (\S+))?$/.exec(words) ?? [];
  if (role === undefined) return null;
  const more = namespace === undefined ? {} : { namespace };
  return { credentials: async (cases) => bearer(await cases.token(role, more)) };
}
