/** What docs/api.md says before the operations. */
export const INTRODUCTION = `# The API

<!-- Made by \`npm run docs\` from src/api/ and cli/docs/; a test fails where it is not what they make. -->

Control speaks two languages on one address. The **plain API**, below \`/api/v1\`, is for curl and programs: many objects at once,
all or nothing, with history and rollback. The **Kubernetes API**, below \`/k8s\`, is for kubectl and every Kubernetes client: single
objects, watches, server-side apply. Both write the same objects, by the same rules.
[resources.md](resources.md) says which kinds and fields there are; [cli.md](cli.md) has the commands of \`tulle\`.

## Before you start

Every sample on this page can be pasted. They want a mesh, and two variables:

\`\`\`bash
npm start                                  # in another terminal; it leaves ca.pem, token and kubeconfig in .tulle/
\`\`\`

\`\`\`bash
export TULLE=https://127.0.0.1:18000       # control, as \`npm start\` prints it
export KUBECONFIG=.tulle/kubeconfig        # for kubectl; its server is $TULLE/k8s
\`\`\`

Samples in JavaScript are ES modules for Node with \`@kubernetes/client-node\` (\`npm install @kubernetes/client-node\`): save one as
\`sample.mjs\` and run \`node sample.mjs\`. Below each sample stands a part of what it prints. A test runs all of them in the order of
the page: samples of curl for the plain API make a namespace \`tour\`, those for the Kubernetes API a DestinationRule \`cats\`, those of
kubectl \`dogs\`, those in JavaScript \`fish\`, and each works with what the ones before it have made. \`kubectl delete namespace tour\`
cleans up.

## Tokens and roles

Every request brings a token, \`Authorization: Bearer tulle_…\`, and nowhere else is one looked for. What needs none of them says so
below. \`npm start\` leaves an administrator's in \`.tulle/token\`. \`tulle token create\` makes more, also as a kubeconfig;
[deploy.md](deploy.md) says how to get the first one of a deployment.

| role | what it may do |
| --- | --- |
| \`viewer\` | read and watch objects other than Secrets; status and metrics |
| \`editor\` | that, and write objects that stand in a namespace other than the mesh's root namespace |
| \`admin\` | everything: the root namespace, Namespaces, tokens, history, rollback |

A token of one namespace reaches nothing outside of it, whatever its role, and writes nothing where that is the root namespace; status,
metrics, tokens and history span all namespaces and so are not for it. \`kubectl auth can-i --list\` says what a token may do. kubectl sends tokens over TLS alone: give it the https
address.

Beside its role a token has permissions, since live requests and why they were decided so tell of people, and not of configuration:

| permission | what it opens | who has it |
| --- | --- | --- |
| \`tail\` | live requests | \`admin\`; others where the token was made with it (\`--permit tail\`), or a rule of \`signIn\` gives it |
| \`explain\` | records of requests, and why they were decided so | as \`tail\` |

A token of one namespace sees requests to its workloads whole. Of requests from them it does not see the other side's policies:
\`policy\` and \`request_principal\` are null, \`details\` of a refusal is \`refused\`, \`audit\`, \`dry_run\` and \`observed\` are left out, and
\`route\`, \`stat_prefix\` and \`mirrors\` are told of its own routes alone. Of all other requests it sees nothing. Who opens one of
them stands in the audit, once for each opening.

## Errors

Every error is a Kubernetes Status, in both APIs; what is wrong with a query stands in Prometheus' form. Programs look at \`reason\` (and \`code\`, the HTTP status again); \`message\` is for
people and may change; \`details.causes\` names each field that is wrong.

\`\`\`json
{
  "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
  "message": "destinationrules.networking.istio.io \\"x\\" not found",
  "reason": "NotFound", "details": { "name": "x", "group": "networking.istio.io", "kind": "destinationrules" },
  "code": 404
}
\`\`\`

%ERRORS%

Another method on a path of the plain API is 405 \`MethodNotAllowed\`; \`Allow\` names those that it takes.

A 422 of \`POST /api/v1/apply\` is a Status that has \`results\` besides, one for each document, with its line. After 503 the same request
may be sent again: what is stored already is \`unchanged\`.

## Warnings

A write that does less than it seems to is stored, and says so: in \`warnings\` of each result of the plain API, in \`Warning\` headers of
the Kubernetes API (at most 10, 250 characters each), which kubectl prints. Typical ones are a host that no service has, and a field
that only tunes connections. A field that is unknown or cannot work here is an error instead. Each ends with its code, as in
\`[TULLE0102]\`: [findings.md](findings.md) says what to do, and how an object silences one.

## Dry run

\`?dryRun=All\` on any write of objects (\`kubectl --dry-run=server\`, \`kubectl diff\`, \`tulle apply --dry-run\`): everything is checked
and answered as if it were done, against all that is stored; nothing is stored, and no watch sees it.

## Generations and If-Match

The configuration has a **generation**: each write that changes it adds one, however many objects it holds. Answers of the plain API
have it in \`generation\` and in \`ETag\`. \`If-Match: "7"\` makes a write hold only while the configuration is of generation 7; otherwise
the answer is 412 and nothing is done. \`GET /api/v1/revisions\` lists generations, \`POST /api/v1/rollback\` goes back to one.

Besides, each object has a \`resourceVersion\`, from one counter for all objects, which also moves when the mesh writes a \`status\`. In a
replaced or patched object it makes the write hold for that version alone: else it is a 409 \`Conflict\`. A write that changes nothing
keeps it.

## Server-side apply and field managers

Each object says in \`metadata.managedFields\` who keeps which field: \`fieldManager\` of the request, or the name in its \`User-Agent\`.
Server-side apply takes away what its manager applied before and does not any more, and refuses to change what another keeps (409, one
cause for each field) unless \`force=true\`. Other writes take what they change.

## Watches

A list has a \`resourceVersion\`; a watch from there on misses nothing. Without one a watch tells first of what there is. The change log
goes back at least an hour, and at least 5,000 changes; what is older is answered 410 \`Expired\`: list again. A watch ends after its
\`timeoutSeconds\`, or after 30 to 60 minutes; \`kubectl get --watch\` ends with it, informers go on by themselves.

## Limits

| what | how much |
| --- | --- |
| headers | 60 KiB: names, values and four bytes for each |
| a body | 1 MiB; 64 KiB for join tokens and certificates |
| documents of one apply | 500 |
| nesting of a document | 64 levels; no YAML anchors, aliases, tags or directives, no key twice |
| a page of revisions | 500 |
| rows of one answer of the audit | 1,000; 5,000 are verified |
| a watch | 4 hours; 16 MiB that wait for a slow client |
| open watches | 200 of one token, 2,000 in all |

Larger sets are applied in parts; \`tulle apply\` does that by itself.

## What differs from a Kubernetes cluster

- It is mounted at \`/k8s\`, which kubectl and clients take from the kubeconfig. Paths of \`kubectl get --raw\` begin at the root instead:
  \`kubectl get --raw /k8s/version\`, and so it reaches the plain API too: \`kubectl get --raw /api/v1/status\`.
- Nothing runs here: Pods, Services and EndpointSlices are what somebody writes down, and no controller changes them. There are no
  deployments, logs, \`exec\` or \`port-forward\`, no custom resource definitions, no admission webhooks, no RBAC objects.
- Istio's kinds and the mesh's own are strict: unknown fields are refused even with \`fieldValidation=Ignore\`. Strategic merge patches
  are for Kubernetes' own kinds.
- Objects are stored in one version and answered in the one that was asked for.
- A write is compiled together with everything that is stored before it is accepted. So \`status.conditions\` is right from the first
  read on, and a write that would break another object says so.
- Deletion is at once; finalizers and owner references are kept but do nothing. Deleting a Namespace deletes what stands in it.
- Events are what the change log says of conditions: they can be read and watched, not written.
- A list with \`continue\` shows each page as it is now. Who watches from the list's \`resourceVersion\` sees what changed meanwhile.
- There is no HTTP compression of watches, and protobuf is read for few kinds and never answered.
`;
