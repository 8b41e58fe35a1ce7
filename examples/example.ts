/** An application that `npm start` brings up behind the mesh. */
export interface Example {
  readonly name: string;
  readonly services: readonly ExampleService[];
  /** YAML files relative to the example's folder, applied in this order. */
  readonly resources: readonly string[];
  /** What to open in a browser. */
  readonly page?: { readonly gateway: string; readonly path: string };
  /** A call that its policies allow to a workload with this certificate. */
  readonly call: { readonly serviceAccount: string; readonly host: string; readonly path: string };
}

/** A plain Worker that knows nothing of the mesh, and what its deployer says of it. */
export interface ExampleService {
  /** Name of the Worker: `reviews-v2`. */
  readonly worker: string;
  /** Path relative to the example's folder. */
  readonly entry: string;
  /** Name of the gateways' service binding to it: `EP_REVIEWS_V2`. */
  readonly binding: string;
  /** Who it is when it calls others, in the namespace `default`. */
  readonly serviceAccount: string;
  readonly app: string;
  readonly version: string;
  readonly vars: Readonly<Record<string, string>>;
}
