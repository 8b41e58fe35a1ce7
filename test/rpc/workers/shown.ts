/** A value as text that tells its type, its prototype and all that it holds; the same text for equal values in any Worker. */
export async function shown(value: unknown, above: readonly unknown[] = []): Promise<unknown> {
  if (typeof value === "function") return "function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && (Object.is(value, -0) || !Number.isFinite(value)))
    return Object.is(value, -0) ? "-0" : `number ${value}`;
  if (value === undefined) return "undefined";
  if (typeof value === "symbol") return "symbol";
  if (typeof value !== "object" || value === null) return value;
  const depth = above.indexOf(value);
  if (depth >= 0) return `the object ${depth} levels below the top`;
  const within = [...above, value];
  const inner = async (each: unknown) => shown(each, within);
  return { [Object.prototype.toString.call(value).slice(8, -1)]: await content(value, inner) };
}

async function content(value: object, inner: (each: unknown) => Promise<unknown>): Promise<unknown> {
  if (value instanceof Date) return value.getTime();
  if (value instanceof RegExp) return `${value} at ${value.lastIndex}`;
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) return all([...value], inner);
  if (value instanceof ArrayBuffer)
    return `${value.byteLength} bytes, ${[...new Uint8Array(value).subarray(0, 16)].join(" ")}`;
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.byteLength} bytes from ${value.byteOffset} of ${value.buffer.byteLength}, ${[...bytes.subarray(0, 16)].join(" ")}`;
  }
  if (value instanceof Error) return shownError(value, inner);
  if (value instanceof Headers) return [...value];
  if (value instanceof Request) {
    const { method, url, headers, redirect } = value;
    return { method, url, redirect, headers: [...headers], body: await value.text() };
  }
  if (value instanceof Response) {
    const { status, statusText, headers } = value;
    return { status, statusText, headers: [...headers], body: await value.text() };
  }
  if (value instanceof ReadableStream) return new Response(value).text();
  if (value instanceof Blob) return { type: value.type, text: await value.text() };
  if (["[object Boolean]", "[object Number]", "[object String]"].includes(Object.prototype.toString.call(value)))
    return ["boxed", value.valueOf()];
  // A stub has every name: to ask for its own is all that can be asked.
  const entries = await Promise.all(
    Object.entries(value).map(async ([name, each]) => [name, await inner(each)] as const),
  );
  return Object.fromEntries(entries);
}

async function all(values: readonly unknown[], inner: (each: unknown) => Promise<unknown>): Promise<unknown> {
  return Promise.all(values.map(inner));
}

/** What is the same wherever it was caught: the stack without the places that it names. */
async function shownError(error: Error, inner: (each: unknown) => Promise<unknown>): Promise<unknown> {
  const { name, message, cause, stack } = error;
  const fields = Object.entries(error).filter(([field]) => !["name", "message", "cause", "stack"].includes(field));
  const own = await Promise.all(fields.map(async ([field, each]) => [field, await inner(each)] as const));
  return {
    class: error.constructor.name,
    name,
    message,
    ...(stack !== undefined && { stack: stack.split("\n", 1)[0] }),
    ...(cause !== undefined && { cause: await inner(cause) }),
    ...(error instanceof AggregateError && { errors: await inner(error.errors) }),
    ...Object.fromEntries(own),
  };
}
