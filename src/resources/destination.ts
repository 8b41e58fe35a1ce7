import type { z } from "zod";
import { portNumber, strict, text } from "./fields.ts";
import { isAddress, isHostPattern } from "./host.ts";
import { subsetName } from "./names.ts";

const PortSelector = strict({ number: portNumber });

/** A service, or a part of it. */
export const Destination = strict({
  host: text(
    (host) => host !== "*" && isHostPattern(host) && !isAddress(host),
    "a host name without port, or `*.` followed by one, as a ServiceEntry has it",
  ),
  subset: subsetName.exactOptional(),
  port: PortSelector.exactOptional(),
});

export type DestinationSpec = z.infer<typeof Destination>;
