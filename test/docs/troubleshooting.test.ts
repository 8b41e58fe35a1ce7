import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AnswerCode, answerOf } from "../../src/decide/answers.ts";

const PROJECT = join(import.meta.dirname, "../..");
const text = (file: string) => readFileSync(join(PROJECT, file), "utf8");
const PAGE = text("docs/troubleshooting.md");

/** Code -> what its row says of the answer. */
const ROWS = new Map(
  [...PAGE.matchAll(/^\| ([^|]*) \| (`[^|]*) \|.*\|.*\|$/gm)].flatMap(([, answer = "", codes = ""]) =>
    [...codes.matchAll(/`(\w+)`/g)].map(([, code = ""]) => [code, answer.trim()] as const),
  ),
);

const CODES = [...text("src/decide/answers.ts").matchAll(/^ {2}(\w+): (?:\{|DENIED|BAD_TOKEN)/gm)].map(
  ([, code = ""]) => code as AnswerCode,
);
const ofEdge = [...text("edge/refusal.ts").matchAll(/status: (\d+), +code: "(\w+)"|status: (\d+),\n +code: "(\w+)"/g)];

describe("docs/troubleshooting.md", () => {
  it("has every answer that a gateway gives by itself, with its status and flag", () => {
    expect(CODES.length).toBeGreaterThan(30);
    const missing = CODES.flatMap((code) => {
      const { status, flag } = answerOf(code);
      const row = ROWS.get(code) ?? "no row";
      return row.includes(String(status)) && row.includes(flag) ? [] : [`${code}: ${status} ${flag}, the page: ${row}`];
    });
    expect(missing).toEqual([]);
  });

  it("has what the local mesh's edge refuses", () => {
    expect(ofEdge.length).toBeGreaterThanOrEqual(5);
    for (const [, a = "", b = "", c = "", d = ""] of ofEdge) expect(ROWS.get(b || d), b || d).toContain(a || c);
  });
});

describe("docs/telemetry.md", () => {
  it("names every flag of the gateway's own answers", () => {
    for (const { flag } of CODES.map((code) => answerOf(code)))
      if (flag !== "") expect(text("docs/telemetry.md")).toContain(`| \`${flag}\``);
  });

  it("names every event of the logs", () => {
    const files = ["workers", "edge"].flatMap((top) =>
      readdirSync(join(PROJECT, top), { recursive: true, encoding: "utf8" }).map((file) => `${top}/${file}`),
    );
    const events = files
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => [...text(file).matchAll(/event: "(\w+)"/g)].map(([, event = ""]) => event));
    expect(events.length).toBeGreaterThan(5);
    for (const event of events) expect(text("docs/telemetry.md"), event).toContain(`\`${event}\``);
  });

  it("leaves the events of an agent to docs/agent.md, which names all of them", () => {
    const events = ["agent/log.ts", "net/svid-keeper.ts"].flatMap((file) =>
      [...text(file).matchAll(/readonly event: "(\w+)"/g)].map(([, event = ""]) => event),
    );
    expect(events.length).toBeGreaterThan(4);
    for (const event of events) expect(text("docs/agent.md"), event).toContain(`\`${event}\``);
  });
});

describe("docs/decisions", () => {
  const files = readdirSync(join(PROJECT, "docs/decisions")).toSorted();

  it("are numbered without gaps", () => {
    expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, index) => index + 1));
  });

  it.each(files)("%s says when it was made and whether it holds", (file) => {
    expect(text(`docs/decisions/${file}`)).toMatch(
      new RegExp(`^# ${file.slice(0, 4)}: .+\n\nDate: \\d{4}-\\d\\d-\\d\\d. Status: (accepted|superseded by \\d{4})`),
    );
  });
});
