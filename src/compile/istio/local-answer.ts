import { readBase64 } from "../../resources/base64.ts";
import { type DirectResponseSpec, type RedirectSpec, WITHOUT_BODY } from "../../resources/local-answer.ts";
import { bytesToBase64 } from "../../snapshot/bytes.ts";
import { type DirectResponse, type Redirect, REDIRECT_CODES, type Route } from "../../snapshot/model.ts";

/** What a rule answers by itself. */
export function localAnswer(rule: {
  readonly redirect?: RedirectSpec;
  readonly directResponse?: DirectResponseSpec;
}): Pick<Route, "redirect" | "direct"> {
  const { redirect, directResponse } = rule;
  return {
    ...(redirect && { redirect: redirectModel(redirect) }),
    ...(directResponse && { direct: directModel(directResponse) }),
  };
}

function redirectModel(spec: RedirectSpec): Redirect {
  const { uri = "", prefixRewrite = "", authority = "", port = 0, derivePort, scheme = "", redirectCode } = spec;
  return {
    status: REDIRECT_CODES.find((code) => code === redirectCode) ?? 301,
    ...(scheme !== "" && { scheme }),
    ...(authority !== "" && { authority }),
    ...(port !== 0 && { port }),
    ...(derivePort === "FROM_REQUEST_PORT" && { port: "request" as const }),
    ...(uri !== "" && { path: absolute(uri) }),
    ...(prefixRewrite !== "" && { prefix: absolute(prefixRewrite) }),
  };
}

/** Else what Istio writes, `http://a.example` and `b`, would be another host. */
function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function directModel({ status, body = {} }: DirectResponseSpec): DirectResponse {
  if (WITHOUT_BODY.has(status)) return { status, body: "" };
  if (body.bytes === undefined) return { status, body: body.string ?? "" };
  const bytes = readBase64(body.bytes);
  try {
    return { status, body: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { status, body: bytesToBase64(bytes), base64: true };
  }
}
