import { describe, expect, it } from "vitest";
import { parseAddress } from "../../src/resources/address.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { service, TestWorld } from "../compile/world.ts";
import { parsed } from "./parsed.ts";

const route = (rule: string) =>
  `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [a.test], http: [{${rule}}]}}`;
const TO_A = "route: [{destination: {host: a}}]";

function messages(yaml: string): string {
  return parsed(yaml)
    .findings.map(({ message }) => message)
    .join("\n");
}

describe("a message says how to mend what people write", () => {
  it("a host that begins with a star and stands without quotes", () => {
    const documents = parseDocuments("hosts: [*.example.com]\n", "yaml");
    expect(documents.ok ? "" : documents.error.message).toMatch(/quote a text that begins with `\*`/);
  });

  it("a template that nobody filled in", () => {
    const documents = parseDocuments("metadata:\n  name: {{ .Release.Name }}\n", "yaml");
    expect(documents.ok ? "" : documents.error.message).toMatch(/`helm template`/);
  });

  it("groups of a pattern where a path is written", () => {
    expect(messages(route(`rewrite: {uri: '/v2/\\1'}, ${TO_A}`))).toMatch(/`uriRegexRewrite`/);
  });

  it("a value that is one of several, none of which is an empty one", () => {
    const said = messages(route("redirect: {scheme: HTTPS}"));
    expect(said).toContain("`https`");
    expect(said).not.toContain("``");
  });

  it.each([
    ["[::1]", "without them"],
    ["unix:///run/app.sock", "socket"],
  ])("the address %s", (address, says) => {
    const read = parseAddress(address, true);
    expect(read.ok ? "" : read.error).toContain(says);
  });

  it("a text where a list is meant: that, and not how long it is", () => {
    const limits = "[{name: a, key: source.address, rates: [{limit: 1, window: 1s}]}]";
    const said = messages(
      `{apiVersion: tulle.dev/v1alpha1, kind: RateLimitPolicy, metadata: {name: a}, spec: {targetRefs: [{kind: Service, name: a}], limits: ${limits}}}`,
    );
    expect(said).toContain("must be a list");
    expect(said).not.toContain("at most");
  });

  it.each([
    ["targetRefs: [{group: networking.istio.io, kind: Gateway, name: a}]", "for a Gateway, `selector`"],
    ["selector: {matchLabels: {istio: ingressgateway}}", "its workload stands in `istio-system`"],
  ])("a policy for a Gateway: %s", (spec, says) => {
    const keys = `{apiVersion: tulle.dev/v1alpha1, kind: APIKeyPolicy, metadata: {name: a}, spec: {${spec}}}`;
    expect(spec.startsWith("selector") ? told(keys) : messages(keys)).toContain(says);
  });

  it.each([
    ["targetRef: {kind: Service, name: a.shop.svc.cluster.local}", "a Service goes by its own name"],
    ["targetRef: {kind: Service, name: a}", /nothing is rehearsed$/],
  ])("a rehearsal of what is not there: %s", (target, says) => {
    const spec = `{${target}, delay: {fixedDelay: 1s}, endsAt: "2126-01-31T12:00:00Z"}`;
    const read = told(`{apiVersion: tulle.dev/v1alpha1, kind: FaultRehearsal, metadata: {name: a}, spec: ${spec}}`);
    expect(read).toMatch(says);
  });

  it("a limit of workloads", () => {
    expect(
      messages("{apiVersion: tulle.dev/v1alpha1, kind: RateLimitPolicy, metadata: {name: a}, spec: {selector: {}}}"),
    ).toContain("name that in `targetRefs`");
  });

  it("a VirtualService that cannot be a delegate", () => {
    const other = route(TO_A).replace("name: a", "name: b");
    expect(told(route("delegate: {name: b}"), other)).toMatch(/no VirtualService `default\/b` without `hosts`/);
  });

  it.each(["reviews.shop", "reviews.shop.svc"])("the service %s, which is a name in Kubernetes' DNS", (host) => {
    const reviews = service("reviews", { namespace: "shop" });
    const rule = `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r}, spec: {host: ${host}}}`;
    const whole = /; write `reviews\.shop\.svc\.cluster\.local`/;
    expect(told(reviews, route(TO_A.replace("host: a", `host: ${host}`)))).toMatch(whole);
    expect(told(reviews, rule)).toMatch(whole);
    expect(told(rule)).not.toMatch(whole);
  });
});

/** All that is said of objects among each other. */
function told(...objects: readonly string[]): string {
  const world = new TestWorld();
  for (const object of objects) world.apply(object.replace("{name:", "{namespace: default, name:"));
  return [...world.verdicts.values()]
    .flat()
    .map(({ message }) => message)
    .join("\n");
}
