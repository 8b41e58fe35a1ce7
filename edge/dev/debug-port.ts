import { fileOf } from "../../project/built.ts";

/** A Worker's binding `DEBUG` (workers/dev/debug-port.ts), as Miniflare takes it. */
export const DEBUG_PORT = {
  name: "DEBUG",
  type: "debug-port",
  plugin: { package: fileOf("debug-port-plugin"), name: "tulle-debug-port" },
  options: {},
};
