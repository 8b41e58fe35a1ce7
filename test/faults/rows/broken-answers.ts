import { request } from "node:http";
import type { Socket } from "node:net";
import { ask } from "../ask.ts";
import { many } from "../many.ts";
import { exactly, type Row } from "../row.ts";
import { type Behaviour, says } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const AT_ONCE = 20;
const ERRORS = 5;
const LONG = { consecutive5xxErrors: ERRORS, interval: "600s", baseEjectionTime: "600s" };

/** How an answer begins that does not come to its end. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  short: `${OK}content-length: 100\r\n\r\nabc`,
  long: `${OK}content-length: 1000000\r\n\r\nabc`,
  chunked: `${CHUNKED}3\r\nabc\r\n`,
};
const ENDS: Readonly<Record<string, (socket: Socket) => void>> = {
  reset: (socket) => void socket.resetAndDestroy(),
  fin: (socket) => void socket.end(),
};

/** Answers that are none, and the texts that clients may get in their place: nothing of what the service or the platform said. */
const WRONG: Readonly<Record<string, string>> = {
  garbage: "\u0000\u0001\u00ff garbage\r\n\r\n",
  version: "HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n",
  "no-status": "HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n",
  "status-999": "HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n",
  "no-colon": `${OK}a header\r\ncontent-length: 0\r\n\r\n`,
  "two-lengths": `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`,
  header: `${OK}x-large: ${"a".repeat(65_536)}\r\ncontent-length: 0\r\n\r\n`,
};
const BAD_CHUNK = `${CHUNKED}zz\r\nabc\r\n`;
const TEXT =
  /^upstream connect error or disconnect\/reset before headers\. reset reason: (connection failure|protocol error)$/;

export const BROKEN_ANSWER_ROWS: readonly Row[] = [
  {
    id: "F24",
    fault: "upstream resets, or ends short, in the body",
    promise: "the client sees a broken transfer, and it counts as a failure",
    short: true,
    async run(stage) {
      const [mesh, upstream, direct] = [await stage.mesh(), await stage.upstream(), await stage.direct()];
      const judged = stage.fresh("F24-counted");
      const open = new Map<string, Socket>();
      // The rest of it is as its client says, once the head has come there.
      const begins: Behaviour = (socket, path) => {
        open.set(path, socket);
        socket.write(BEGINNINGS[path.split("/")[1] ?? ""] ?? "");
      };
      upstream.behaviour = direct.behaviour = begins;
      await mesh.mustApply(
        [
          world("F24", [upstream.port]),
          world(judged, [upstream.port], {}, { policy: { outlierDetection: LONG } }),
          world("DIRECT-F24", ["binding:EP_DIRECT"]),
        ].join("\n---\n"),
      );
      await mesh.settled();
      const broken = async (id: string, path: string, end: (socket: Socket) => void): Promise<Ended> =>
        new Promise((resolve) => {
          const headers = { host: hostOf(id) };
          request({ host: "127.0.0.1", port: mesh.portOf(), path, headers, agent: false }, (response) => {
            const socket = open.get(path);
            if (socket !== undefined) end(socket);
            response.on("error", () => undefined);
            response.on("close", () => resolve(response.complete ? "whole" : "broken"));
            response.resume();
          })
            .on("error", () => resolve("unanswered"))
            .end();
        });
      const ways = ["F24", "DIRECT-F24"].flatMap((id) =>
        Object.keys(BEGINNINGS).flatMap((beginning) => Object.keys(ENDS).map((end) => ({ id, beginning, end }))),
      );
      const ended = await many(stage.total, AT_ONCE, async (at) => {
        const { id, beginning, end } = ways[at % ways.length] as (typeof ways)[number];
        return broken(id, `/${beginning}/${at}`, ENDS[end] as (socket: Socket) => void);
      });
      for (let at = 0; at < ERRORS; at += 1)
        await broken(judged, at % 2 === 0 ? `/chunked/counted-${at}` : `/long/counted-${at}`, (socket) => {
          socket.resetAndDestroy();
        });
      const { isOpen } = await ask(mesh, judged);
      return [
        exactly(`seen to be broken, of ${ended.length}`, ended.filter((how) => how === "broken").length, ended.length),
        exactly(`after ${ERRORS} of them the circuit is`, isOpen ? "open" : "closed", "open"),
      ];
    },
  },
  {
    id: "F25",
    fault: "upstream sends garbage, a bad chunk, a header of 64 KiB, status 999",
    promise: "502 or 503 with a fixed text; a body that turns out wrong is a broken transfer",
    short: true,
    async run(stage) {
      const [mesh, upstream, direct] = [await stage.mesh(), await stage.upstream(), await stage.direct()];
      const wrong: Behaviour = (socket, path, method) => says(WRONG[path.slice(1)] ?? BAD_CHUNK)(socket, path, method);
      upstream.behaviour = direct.behaviour = wrong;
      await mesh.mustApply(
        [
          world("F25", [upstream.port], { timeout: "10s" }),
          world("DIRECT-F25", ["binding:EP_DIRECT"], { timeout: "10s" }),
        ].join("\n---\n"),
      );
      await mesh.settled();
      const ids = ["F25", "DIRECT-F25"];
      const kinds = [...Object.keys(WRONG), "bad-chunk"];
      const said = await many(stage.total, AT_ONCE, async (at) => {
        const [id = "", kind = ""] = [ids[at % 2], kinds[Math.floor(at / 2) % kinds.length]];
        return ask(mesh, id, `/${kind}`).then(
          ({ status, text }) => ({
            id,
            kind,
            what: `${status} ${text}`,
            isRight: (status === 502 || status === 503) && TEXT.test(text),
          }),
          () => ({ id, kind, what: "broken", isRight: kind === "bad-chunk" }),
        );
      });
      const others = said.filter(({ isRight }) => !isRight);
      for (const { id, kind, what } of others.slice(0, 10)) stage.say(`${id} ${kind}: ${what.slice(0, 200)}`);
      return [exactly(`answered otherwise, of ${said.length}`, others.length, 0)];
    },
  },
];

type Ended = "whole" | "broken" | "unanswered";
