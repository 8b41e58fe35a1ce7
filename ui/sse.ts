export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/** Reads server-sent events as their bytes come, in whatever pieces. */
export function sseReader(): (piece: string) => readonly SseEvent[] {
  let rest = "";
  return (piece) => {
    // A line's end may come in two pieces.
    const text = (rest + piece).replace(/\r\n/g, "\n");
    const blocks = text.split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.flatMap(eventOf);
  };
}

function eventOf(block: string): readonly SseEvent[] {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value = ""] = /^([^:]+):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
  return data.length === 0 ? [] : [{ event, data: data.join("\n") }];
}
