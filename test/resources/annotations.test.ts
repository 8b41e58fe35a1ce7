import { expect, it } from "vitest";
import { parsed } from "./parsed.ts";

function said(annotation: string, kind = "DestinationRule"): readonly string[] {
  const spec = kind === "Service" ? "{ ports: [{ name: http, port: 80 }] }" : "{ host: a }";
  const apiVersion = kind === "Service" ? "v1" : "networking.istio.io/v1";
  const { findings } = parsed(`
apiVersion: ${apiVersion}
kind: ${kind}
metadata: { name: a, annotations: { ${annotation} } }
spec: ${spec}`);
  return findings.map(({ code, field, severity }) => `${severity} ${code} ${field}`);
}

it.each([
  ["of nobody's", "example.com/team: shop", "DestinationRule", []],
  ["that silences", "tulle.dev/analyze-suppress: 'TULLE0102, *'", "DestinationRule", []],
  ["that silences what there is not", "tulle.dev/analyze-suppress: TULLE9999", "DestinationRule", ["TULLE0010"]],
  ["that silences in Istio's words", "galley.istio.io/analyze-suppress: IST0101", "DestinationRule", []],
  [
    "that silences by our code in Istio's place",
    "galley.istio.io/analyze-suppress: TULLE0101",
    "DestinationRule",
    ["TULLE0010"],
  ],
  ["that is misspelt", "tulle.dev/analyse-suppress: TULLE0102", "DestinationRule", ["TULLE0009"]],
  ["that is misspelt, on a Service", "tulle.dev/analyse-suppress: TULLE0102", "Service", ["TULLE0009"]],
  ["of Istio's sidecars", "sidecar.istio.io/inject: 'true'", "DestinationRule", ["TULLE0009"]],
  ["of Istio's sidecars, on a Service", "sidecar.istio.io/inject: 'true'", "Service", []],
  ["that only looks like Istio's", "myistio.io/x: a", "DestinationRule", []],
  ["of another kind", "networking.istio.io/exportTo: .", "DestinationRule", ["TULLE0008"]],
  ["of this kind", "networking.istio.io/exportTo: .", "Service", []],
])("an annotation %s", (_, annotation, kind, codes) => {
  const name = annotation.slice(0, annotation.indexOf(":"));
  expect(said(annotation, kind)).toEqual(codes.map((code) => `warning ${code} metadata.annotations[${name}]`));
});
