/** One of Envoy's operators, `%NAME(argument):length%`, as it stands in a format of a header or of a log's line. */
export interface FormatOperator {
  /** The whole, for whoever wrote it. */
  readonly text: string;
  readonly name: string;
  readonly argument: string | undefined;
  /** At most so many characters of its value. */
  readonly longest: number | undefined;
}

const OPERATOR = /%([A-Z][A-Z0-9_]*)(?:\(([^()]*)\))?(?::(\d{1,5}))?%/y;

/** @returns texts, in which `%%` has become a percent sign, and operators; null where a percent sign begins no operator */
export function readFormat(text: string): readonly (string | FormatOperator)[] | null {
  const parts: (string | FormatOperator)[] = [];
  let plain = "";
  for (let at = 0; at < text.length;) {
    if (text[at] !== "%" || text[at + 1] === "%") {
      plain += text[at];
      at += text[at] === "%" ? 2 : 1;
      continue;
    }
    OPERATOR.lastIndex = at;
    const [whole, name, argument, length] = OPERATOR.exec(text) ?? [];
    if (whole === undefined || name === undefined) return null;
    if (plain !== "") parts.push(plain);
    plain = "";
    parts.push({
      text: whole,
      name,
      argument,
      longest: length === undefined ? undefined : Number(length),
    });
    at += whole.length;
  }
  return plain === "" ? parts : [...parts, plain];
}
