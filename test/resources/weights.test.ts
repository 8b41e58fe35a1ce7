import { expect, it } from "vitest";
import { parsed } from "./parsed.ts";

function said(route: string): readonly string[] {
  const { findings } = parsed(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec: { hosts: [a.test], http: [{ route: [${route}] }] }`);
  return findings.map(({ code, field }) => `${code} ${field.slice("spec.http[0].".length)}`);
}

const to = (host: string, weight?: number, more = "") =>
  `{ destination: { host: ${host}${more} }${weight === undefined ? "" : `, weight: ${weight}`} }`;

it.each([
  ["one destination", [to("a")], []],
  ["one destination with all", [to("a", 100)], []],
  ["one destination with a part", [to("a", 30)], ["TULLE0205 route[0].weight"]],
  ["two that make 100", [to("a", 90), to("b", 10)], []],
  ["two that make a small sum", [to("a", 1), to("b", 3)], []],
  ["two that almost make 100", [to("a", 90), to("b", 5)], ["TULLE0208 route"]],
  ["two that make a little more", [to("a", 90), to("b", 20)], ["TULLE0208 route"]],
  ["one of two without a weight", [to("a", 100), to("b")], ["TULLE0206 route[1].weight"]],
  ["one of two with nothing", [to("a", 100), to("b", 0)], ["TULLE0207 route[1].weight"]],
  ["none of two with a weight", [to("a"), to("b")], ["TULLE0001 route"]],
  ["the same twice", [to("a", 50), to("a", 50)], ["TULLE0209 route[1]"]],
  ["two subsets of one host", [to("a", 50, ", subset: v1"), to("a", 50, ", subset: v2")], []],
])("weights of %s", (_, route, want) => {
  expect(said(route.join(", "))).toEqual(want);
});
