/** A kubeconfig for kubectl: control's https URL, the edge's authority, the administrator's token. JSON is YAML. */
export function kubeconfig(server: string, ca: string, token: string): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "tulle",
        cluster: { server: `${server}/k8s`, "certificate-authority-data": Buffer.from(ca).toString("base64") },
      },
    ],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "tulle", context: { cluster: "tulle", user: "admin", namespace: "default" } }],
    "current-context": "tulle",
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
