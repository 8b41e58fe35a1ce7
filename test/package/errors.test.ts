import { expect, it } from "vitest";
import { isMeshError } from "../../src/mesh-error.ts";

const error = (fields: object) => Object.assign(new Error("RBAC: access denied"), fields);
const OWN = { name: "MeshDenied", status: 403, requestId: "1" };

it.each([
  { name: "the mesh's own", thrown: error(OWN), is: true },
  { name: "one of the callee's name", thrown: error({ ...OWN, name: "Error" }), is: false },
  { name: "a name that every object has", thrown: error({ ...OWN, name: "constructor" }), is: false },
  { name: "one without a status", thrown: error({ name: "MeshDenied", requestId: "1" }), is: false },
  { name: "one without a request id", thrown: error({ name: "MeshDenied", status: 403 }), is: false },
  { name: "one whose status is a text", thrown: error({ ...OWN, status: "403" }), is: false },
  { name: "one whose request id is none", thrown: error({ ...OWN, requestId: 1 }), is: false },
  { name: "no error", thrown: OWN, is: false },
  { name: "nothing", thrown: undefined, is: false },
])("isMeshError tells $name: $is", ({ thrown, is }) => {
  expect(isMeshError(thrown)).toBe(is);
});
