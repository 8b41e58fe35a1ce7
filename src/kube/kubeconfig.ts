/** What a kubeconfig says: where control is, whom to trust there, and who calls. */
export interface KubeconfigFacts {
  /** Of control; Kubernetes' API stands below it at `/k8s`. */
  readonly server: string;
  /** PEM in base64; null: an authority that machines know. */
  readonly ca: string | null;
  readonly user: string;
  readonly token: string;
  readonly namespace: string;
  /** Trust any certificate. */
  readonly insecure?: boolean;
}

/** A kubeconfig for kubectl and `tulle`. JSON is YAML. */
export function kubeconfig({ server, ca, user, token, namespace, insecure = false }: KubeconfigFacts): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "tulle",
        cluster: {
          server: `${server}/k8s`,
          ...(insecure && { "insecure-skip-tls-verify": true }),
          ...(!insecure && ca !== null && { "certificate-authority-data": ca }),
        },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: "tulle", context: { cluster: "tulle", user, namespace } }],
    "current-context": "tulle",
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
