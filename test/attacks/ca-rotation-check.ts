import { X509Certificate } from "node:crypto";
import type { Root, Trust } from "../../src/snapshot/model.ts";
import { PeerCache } from "../../workers/gateway/peer.ts";
import { RunningControl, trustOf } from "../control/running.ts";
import { type Answer, enrol, leafOf, p256, requestOf } from "./ca-requests.ts";
import { demand, demandEqual } from "./outcome.ts";

const REQUESTS_A_SECOND = 1_000;
/** How long the next root is trusted before it signs, */
const LEAD_SECONDS = 10;
/** and how late gateways may learn of what they are to trust. */
const LAG_SECONDS = 5;
const LIFE_SECONDS = 20;
/** When a client enrols: twice under the old root, the second time just before the next one signs. */
const ENROLMENTS: ReadonlySet<number> = new Set([0, 9, 12, 25, 40, 55, 70, 85, 100]);
/** The last of what the old root signed ends at 29 s; a minute is left to clocks that differ. */
const LAST_SECOND = 110;

interface Client {
  readonly leaf: X509Certificate;
  readonly issuer: string;
  readonly enrolledAt: number;
}

/**
 * A root is rotated, second by second of control's clock, and gateways judge a thousand requests in each: all that come with a
 * certificate which has not ended, by what the gateway trusted some seconds ago. `test/e2e/ca-rotation.long.test.ts` has the same on
 * a whole mesh, by the world's clock.
 */
export async function rotatesRoot(): Promise<readonly Answer[]> {
  const control = await RunningControl.start({ trustDomain: "mesh.example", clock: true });
  try {
    await rotation(control);
  } finally {
    await control.stop();
  }
  return [];
}

async function rotation(control: RunningControl): Promise<void> {
  const oldRoot = await bundleOf(control);
  const begin = Date.now() + 1_000;
  const rotate = { what: "root", afterSeconds: LEAD_SECONDS };
  const clients: Client[] = [];
  const trusts: Trust[] = [await trustOf(control)];
  const gateway = new PeerCache();
  let judged = 0;
  for (let second = 0; second <= LAST_SECOND; second += 1) {
    await control.setClock(begin + second * 1_000 - Date.now());
    if (second === 1)
      demandEqual("the rotation", (await control.call("POST", "/api/v1/ca/rotate", rotate)).status, 201, "");
    if (ENROLMENTS.has(second)) clients.push(await clientOf(control, second));
    // Its alarm comes by the world's clock: at a start it does what was due meanwhile.
    if (second === LAST_SECOND - LAG_SECONDS) await control.evict("Authority", "authority");
    if (second === LAST_SECOND - LAG_SECONDS) await bundleOf(control);
    trusts.push(await trustNow(control, trusts.at(-1)));
    const now = begin + second * 1_000;
    const trust = trusts[Math.max(0, trusts.length - 1 - LAG_SECONDS)];
    const good = clients.filter(({ leaf, enrolledAt }) => enrolledAt <= second && Date.parse(leaf.validTo) >= now);
    demand(good.length > 0 && trust !== undefined, "nobody is good", String(second));
    for (let request = 0; request < REQUESTS_A_SECOND; request += 1) {
      const { leaf } = good[request % good.length] ?? {};
      const { peer, refused } = await gateway.certificate(shownAs(leaf), trust, now);
      if (refused !== null) demandEqual("why a good request is refused", refused, null, `second ${second}`);
      if (peer.principal !== "mesh.example/ns/prod/sa/web") demandEqual("the caller", peer.principal, "web", "");
      judged += 1;
    }
  }
  demandEqual("requests", judged, REQUESTS_A_SECOND * (LAST_SECOND + 1), "");
  const issuers = [...new Set(clients.map(({ issuer }) => issuer))];
  demandEqual("those who signed", issuers.length, 2, issuers.join());
  await oldIsRefused(control, clients, oldRoot, begin);
}

/** Whatever the time: what the old root signed counts no more, even before it ends. */
async function oldIsRefused(
  control: RunningControl,
  clients: readonly Client[],
  oldRoot: string,
  begin: number,
): Promise<void> {
  const [first] = clients;
  const bundle = await bundleOf(control);
  demand(!bundle.includes(oldRoot.trim()), "the old root is in the bundle", bundle);
  const [root = "", ...others] = bundle.split(/(?=-----BEGIN)/);
  demandEqual("roots", [new X509Certificate(root).ca, others.length], [true, 0], bundle);
  const trust = await trustOf(control);
  for (const { leaf, issuer, enrolledAt } of clients) {
    const judgement = await new PeerCache().certificate(shownAs(leaf), trust, begin + enrolledAt * 1_000 + 1_000);
    const wanted = issuer === first?.issuer ? "certificate_issuer_unknown" : null;
    demandEqual("what becomes of it", judgement.refused, wanted, `enrolled at ${enrolledAt} s`);
  }
}

async function clientOf(control: RunningControl, enrolledAt: number): Promise<Client> {
  const answer = await enrol(control, requestOf(p256()), { ttlSeconds: LIFE_SECONDS });
  const leaf = leafOf(answer);
  const [, intermediate = ""] = String(answer.json["certificate"]).split(/(?=-----BEGIN)/);
  return { leaf, issuer: new X509Certificate(intermediate).serialNumber, enrolledAt };
}

/** As the platform shows a client's certificate to a gateway. */
function shownAs(leaf: X509Certificate | undefined): object {
  const certRFC9440 = `:${leaf?.raw.toString("base64")}:`;
  return { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440 };
}

async function bundleOf(control: RunningControl): Promise<string> {
  return (await control.raw("GET", "/api/v1/bundle", {})).text();
}

/** @param last taken again where nothing changed, as a gateway keeps it */
async function trustNow(control: RunningControl, last: Trust | undefined): Promise<Trust> {
  const answer = await control.root("all");
  if (answer.kind !== "root") throw new Error(`the root is ${answer.kind}`);
  const { trust } = JSON.parse(answer.root.payload) as Root;
  return last !== undefined && JSON.stringify(last) === JSON.stringify(trust) ? last : trust;
}
