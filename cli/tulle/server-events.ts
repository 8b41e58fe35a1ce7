/** One of a server's events (WHATWG HTML §9.2). */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Reads events as they come, however the stream is cut into pieces. Comments, and fields that nobody asks for, are left out. */
export async function* serverEvents(stream: AsyncIterable<string>): AsyncGenerator<ServerEvent, void, void> {
  let rest = "";
  let event = "message";
  let data: string[] = [];
  for await (const piece of stream) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { event, data: data.join("\n") };
        [event, data] = ["message", []];
      } else if (line.startsWith("event: ")) event = line.slice("event: ".length);
      else if (line.startsWith("data: ")) data.push(line.slice("data: ".length));
    }
  }
}
