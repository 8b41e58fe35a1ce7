/**
 * An object of JSON as YAML that people read: block style, texts quoted where they would be read as something else. Keys and
 * texts are written on one line each, but texts of several lines, which become block literals.
 */
export function asYaml(value: unknown): string {
  return lines(value, "").join("\n");
}

function lines(value: unknown, indent: string): readonly string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${indent}[]`];
    return value.flatMap((member: unknown) => {
      const [first = "", ...rest] = isTree(member)
        ? lines(member, `${indent}  `)
        : [`${indent}  ${scalar(member, `${indent}  `)}`];
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  if (isTree(value)) {
    const entries = Object.entries(value as object).filter(([, member]) => member !== undefined);
    if (entries.length === 0) return [`${indent}{}`];
    return entries.flatMap(([key, member]: [string, unknown]) => {
      const head = `${indent}${textOf(key)}:`;
      if (!isTree(member)) return [`${head} ${scalar(member, indent)}`];
      if (Object.keys(member as object).length === 0) return [`${head} ${Array.isArray(member) ? "[]" : "{}"}`];
      return [head, ...lines(member, Array.isArray(member) ? indent : `${indent}  `)];
    });
  }
  return [`${indent}${scalar(value, indent)}`];
}

function isTree(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function scalar(value: unknown, indent: string): string {
  if (typeof value !== "string") return JSON.stringify(value ?? null);
  if (isLiteral(value))
    return `|-\n${value
      .split("\n")
      .map((line) => (line === "" ? "" : `${indent}  ${line}`))
      .join("\n")}`;
  return textOf(value);
}

/** Several lines that a block literal holds as they are: no other control characters, no blanks at the ends. */
function isLiteral(text: string): boolean {
  if (!text.includes("\n") || text !== text.trim()) return false;
  return Array.from(text).every(
    (character) => character === "\n" || (character >= " " && !/[\u007f-\u009f\u2028\u2029\ufeff]/.test(character)),
  );
}

/** Plain where YAML 1.1 and 1.2 both read it as that text. */
function textOf(text: string): string {
  const isPlain = /^[A-Za-z_/][\w./-]*( [\w./-]+)*$/.test(text);
  return isPlain && !/^(true|false|null|yes|no|on|off|y|n|\.inf|\.nan)$/i.test(text) ? text : JSON.stringify(text);
}
