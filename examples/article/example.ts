import type { Example, ExampleService } from "../example.ts";

function service(app: string, version: string): ExampleService {
  return {
    worker: `${app}-${version}`,
    entry: "echo-service/index.ts",
    binding: `EP_${app}_${version}`.toUpperCase().replaceAll("-", "_"),
    serviceAccount: app,
    app,
    version,
    vars: { SERVICE: app, VERSION: version },
  };
}

/** The shop of the article: orders call payments, premium users get the new reviews. */
export const example: Example = {
  name: "article",
  services: [
    service("order-service", "v1"),
    service("payment-service", "v1"),
    service("reviews-service", "v1"),
    service("reviews-service", "v2"),
  ],
  resources: ["services.yaml"],
  call: { serviceAccount: "order-service", host: "payment-service", path: "/api/v1/charge" },
};
