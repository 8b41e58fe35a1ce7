import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dashboardFiles } from "../../project/dashboard-files.ts";
import { pageOf } from "../../ui/graph/labels.ts";
import { placeOf } from "../../ui/state/place.ts";
import { visible } from "../../ui/visible.ts";
import { asYaml } from "../../ui/yaml.ts";
import { bearer, type ControlWorld, type Credentials, POLICY } from "./control-world.ts";
import type { AttackCase } from "./corpus.ts";
import { demand, demandEqual, demandOneOf, NotCovered } from "./outcome.ts";
import type { Reply } from "./raw-answer.ts";

const ROOT = join(import.meta.dirname, "../..");
const MARKS = ["<img src=x onerror=alert(1)>", "javascript:alert(1)", "a\u202egpj.exe"];
const MARK = MARKS.join(" ");
const FIELDS =
  "path, user agent, principal, policy name, annotation, error text, JWT sub contain <img src=x onerror=...>, javascript: links and U+202E";

/** A case of the dashboard: what a browser is sent, and the code that draws it. @throws where it does not hold */
export async function runUiCase({ setup = {}, requests, must }: AttackCase, world: ControlWorld): Promise<void> {
  if (setup.words !== FIELDS) throw new NotCovered(`setup \`${setup.words}\``);
  const generator = requests.find((one) => one.generator !== "xss-fields");
  if (generator !== undefined) throw new NotCovered(`generator \`${generator.generator}\``);
  const rest = Object.keys(must).filter((condition) => condition !== "words");
  if (rest.length > 0 || must.words === undefined) throw new NotCovered(`condition \`${rest.join()}\``);
  const checks = must.words.split("; ").map((words) => {
    const check = HELD.get(words);
    if (check === undefined) throw new NotCovered(`condition \`${words}\``);
    return check;
  });
  for (const check of checks) await check(world);
}

const HELD: ReadonlyMap<string, (world: ControlWorld) => Promise<void>> = new Map([
  ["rendered as text", staysText],
  ["Content-Security-Policy without unsafe-inline", hasStrictPolicy],
  ["no HTML sink in the UI code (lint)", hasNoSink],
]);

/**
 * Whatever field carries the marks: control's answers are data that no browser opens as a page, and the dashboard's code has one way
 * alone from them into a page, text. `test/tools/dashboard.test.ts` sees the same fields in Chromium.
 */
async function staysText(world: ControlWorld): Promise<void> {
  const cookie = await signedIn(world);
  const annotated = {
    ...POLICY,
    metadata: { name: "marked", namespace: "prod", annotations: { "example.com/note": MARK } },
    spec: { action: "DENY", rules: [{ to: [{ operation: { paths: [`/${MARKS[0]}`] } }] }] },
  };
  const named = { ...POLICY, metadata: { name: MARK, namespace: "prod" } };
  const policies = "/ui/k8s/apis/security.istio.io/v1/namespaces/prod/authorizationpolicies";
  const subject = [
    "eyJhbGciOiJub25lIn0",
    Buffer.from(JSON.stringify({ iss: "x", sub: MARK })).toString("base64url"),
    "",
  ];
  const facts = {
    host: "echo.attacks.svc.cluster.local",
    path: `/${encodeURIComponent(MARK)}`,
    headers: { "user-agent": [MARKS[0]] },
  };
  const asked: readonly (readonly [field: string, answer: Reply, shows: boolean])[] = [
    ["annotation", await send(world, cookie, "POST", policies, annotated), true],
    ["annotation of a list", await send(world, cookie, "GET", policies), true],
    ["path of a rule", await send(world, cookie, "GET", `${policies}/marked`), true],
    ["policy name, error text", await send(world, cookie, "POST", policies, named), true],
    ["error text of an apply", await send(world, cookie, "POST", "/ui/api/v1/apply", { ...POLICY, kind: MARK }), true],
    [
      "path, user agent, JWT sub",
      await send(world, cookie, "POST", "/ui/api/v1/explain", { facts, jwt: [subject.join(".")] }),
      false,
    ],
    ["principal", await send(world, cookie, "POST", "/ui/api/v1/explain", { facts, as: MARK }), false],
    [
      "what is looked for",
      await send(world, cookie, "GET", `/ui/api/v1/query?query=${encodeURIComponent(MARK)}`),
      false,
    ],
    ["no page", await send(world, cookie, "GET", "/ui/%3Cimg%20src=x%20onerror=alert(1)%3E"), false],
  ];
  for (const [field, { status, headers, body }, shows] of asked) {
    const said = `${field}: ${status} ${body.slice(0, 300)}`;
    demand(headers["content-type"]?.startsWith("application/json") === true, "no data, but a page", said);
    demandEqual("x-content-type-options", headers["x-content-type-options"], "nosniff", said);
    if (shows) demand(body.includes("alert(1)"), "the field is not there", said);
  }
  // A principal holds no such character.
  const [, principal] = asked.find(([field]) => field === "principal") ?? [];
  demandEqual("the status of such a principal", principal?.status, 422, "");
  await send(world, cookie, "DELETE", `${policies}/marked`);
  for (const mark of MARKS) {
    const node = { kind: "service", namespace: mark, name: mark } as never;
    const links = [placeOf([mark, mark], { [mark]: mark }), pageOf({ id: mark, node, namespace: mark, count: 1 })];
    for (const link of links)
      demand(/^#\/[\w./?=&%~!*'()+-]*$/.test(link ?? ""), "a link leads elsewhere", String(link));
  }
  demandEqual("a text", visible(MARK), MARK.replace("\u202e", "\\u202e"), "");
  demand(asYaml({ a: MARK }).includes("<img"), "YAML hides what is there", asYaml({ a: MARK }));
  demand(/options\.vnode = /.test(source("main.tsx")), "texts are drawn as they came", "ui/main.tsx");
}

async function hasStrictPolicy(world: ControlWorld): Promise<void> {
  const cookie = await signedIn(world);
  const files = Object.keys(dashboardFiles()?.files ?? {});
  demand(files.length > 5, "the dashboard is not built", files.join());
  for (const path of ["", ...files]) {
    const { status, headers } = await world.send("GET", `/ui/${path}`);
    const policy = policyOf(headers);
    const said = `/ui/${path}: ${headers["content-security-policy"]}`;
    demandEqual("the status", status, 200, said);
    demandEqual("what else may load", policy.get("default-src"), "'none'", said);
    demandEqual("scripts", policy.get("script-src"), "'self'", said);
    demandEqual("styles", policy.get("style-src"), "'self'", said);
    for (const closed of ["base-uri", "form-action", "frame-ancestors"])
      demandEqual(closed, policy.get(closed), "'none'", said);
    // No text becomes markup or code, whoever's code tries it.
    demandEqual("trusted types", policy.get("require-trusted-types-for"), "'script'", said);
    for (const sources of policy.values())
      demand(!/unsafe|nonce-|sha\d+-|\*|[a-z]+:/i.test(sources), "it lets more in", said);
  }
  const data = await send(world, cookie, "GET", "/ui/api/v1/status");
  demandOneOf("data may load", policyOf(data.headers).get("default-src"), ["'none'"], data.body);
  demand(policyOf(data.headers).has("sandbox"), "data is opened as a page", data.body);
}

/** What makes markup or code of a text, by any name that browsers have for it. */
const SINKS =
  /\b(?:inner|outer)HTML\b|insertAdjacentHTML|dangerouslySetInnerHTML|\bdocument\s*\.\s*write|DOMParser|createContextualFragment|srcdoc|setHTML|parseHTML|\beval\b|\bFunction\s*\(|setTimeout\(\s*["'`]|javascript:|data:text|setAttribute|window\.open|location\.(?:href|assign|replace)/;

async function hasNoSink(): Promise<void> {
  const names = readdirSync(join(ROOT, "ui"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.tsx?$/.test(name),
  );
  demand(names.length > 40, "too little is looked at", names.join());
  for (const name of names) {
    const text = source(name);
    demandEqual("what makes markup of a text", SINKS.exec(text)?.[0], undefined, name);
    // A link is written out, or made by the functions that `staysText` tries.
    for (const [attribute, value = ""] of text.matchAll(
      /\b(?:href|src|action|formAction|xlinkHref)=("[^"]*"|\{[^}]*\})/g,
    )) {
      const isOwn = /^"(?:#|\/ui\/)/.test(value) || /^\{(?:placeOf\(|page\})/.test(value);
      demand(isOwn, "a link of another kind", `${name}: ${attribute}`);
    }
    for (const [made, value = ""] of text.matchAll(/\bconst page = ([^;]*);/g))
      demand(value.startsWith("pageOf("), "a link of another kind", `${name}: ${made}`);
  }
  const { overrides } = JSON.parse(readFileSync(join(ROOT, ".oxlintrc.json"), "utf8")) as {
    readonly overrides: readonly {
      readonly files: readonly string[];
      readonly rules: Readonly<Record<string, unknown>>;
    }[];
  };
  const rules = overrides.find(({ files }) => files.includes("ui/**"))?.rules ?? {};
  for (const rule of ["react/no-danger", "no-script-url", "react/jsx-no-script-url"])
    demandEqual(rule, rules[rule], "error", "");
  const kept = JSON.stringify(rules["no-restricted-properties"] ?? "");
  for (const sink of ["innerHTML", "outerHTML", "insertAdjacentHTML", "write"])
    demand(kept.includes(`"property":"${sink}"`), "the linter lets it pass", sink);
}

const source = (name: string): string => readFileSync(join(ROOT, "ui", name), "utf8");

function policyOf({
  "content-security-policy": text = "",
}: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(text.split(";").map((part) => [part.trim().split(" ", 1).join(), part.trim().replace(/^\S+ ?/, "")]));
}

async function signedIn(world: ControlWorld): Promise<Credentials> {
  const made = await world.send("POST", "/api/v1/sign-in-codes", bearer(world.good));
  const { code } = JSON.parse(made.body) as { readonly code: string };
  const answer = await send(world, {}, "POST", "/ui/session", { code });
  demandEqual("the status of a sign-in", answer.status, 201, answer.body);
  return { cookie: (answer.headers["set-cookie"] ?? "").split(";", 1).join() };
}

/** As the dashboard's own page asks. */
async function send(
  world: ControlWorld,
  cookie: Credentials,
  method: string,
  path: string,
  body?: object,
): Promise<Reply> {
  const { origin } = await world.control.url();
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const headers = { origin, "sec-fetch-site": "same-origin", ...type, ...cookie };
  return world.send(method, path, headers, body === undefined ? undefined : JSON.stringify(body));
}
