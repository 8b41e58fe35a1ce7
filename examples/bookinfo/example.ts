import type { Example, ExampleService } from "../example.ts";

function service(app: string, version: string): ExampleService {
  return {
    worker: `${app}-${version}`,
    entry: `${app}/index.ts`,
    binding: `EP_${app}_${version}`.toUpperCase(),
    serviceAccount: `bookinfo-${app}`,
    app,
    version,
    vars: { VERSION: version },
  };
}

/** The application of Istio's documentation: a book page made of four services. */
export const example: Example = {
  name: "bookinfo",
  services: [
    service("productpage", "v1"),
    service("details", "v1"),
    service("reviews", "v1"),
    service("reviews", "v2"),
    service("reviews", "v3"),
    service("ratings", "v1"),
  ],
  resources: ["services.yaml", "policies/gateway.yaml", "policies/policies.yaml"],
  call: { serviceAccount: "bookinfo-productpage", host: "details:9080", path: "/details/0" },
  page: { gateway: "default/bookinfo-gateway", path: "/productpage" },
};
