import type { Answer } from "../../src/decide/answers.ts";
import { meshErrorOf } from "../../src/decide/rpc-errors.ts";
import type { MeshError as Told, MeshErrorName } from "../../src/mesh-error.ts";

/** What a caller of Workers RPC gets in place of an answer of the gateway's own. The runtime carries its name and its fields. */
export class MeshError extends Error implements Told {
  override readonly name: MeshErrorName;
  readonly status: number;
  readonly requestId: string;

  constructor(answer: Answer, requestId: string) {
    const { name, message } = meshErrorOf(answer);
    super(message);
    this.name = name;
    this.status = answer.status;
    this.requestId = requestId;
    // Where it was made is the gateway's own affair.
    this.stack = `${name}: ${message}`;
  }
}
